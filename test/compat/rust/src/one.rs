//! 1.0: everything that it does with a repository; large files by Xet.

use crate::{want, weights, Outcome, Report};
use hf10::repository::{AddSource, CommitOperation, RepoTreeEntry, RepoTypeModel};
use hf10::{split_id, HFClientSync, HFError, HFRepositorySync};

type Repo = HFRepositorySync<RepoTypeModel>;

fn open(id: &str) -> Result<(HFClientSync, Repo), Box<dyn std::error::Error>> {
    let client = HFClientSync::new()?;
    let (owner, name) = split_id(id);
    let repo = client.model(owner, name);
    Ok((client, repo))
}

fn create(id: &str) -> Outcome {
    let (client, repo) = open(id)?;
    let made = client
        .create_repository()
        .repo_id(id)
        .repo_type(RepoTypeModel)
        .private(true)
        .send()?;
    want!(made.url.ends_with(id), "url {}", made.url);
    client
        .create_repository()
        .repo_id(id)
        .repo_type(RepoTypeModel)
        .exist_ok(true)
        .send()?;
    repo.create_commit()
        .operations(vec![
            CommitOperation::add_bytes("config.json", b"{}".to_vec()),
            CommitOperation::add_bytes("sub/weights.bin", weights()),
        ])
        .commit_message("First")
        .send()?;
    Ok(())
}

pub fn seed(report: &mut Report, id: &str) {
    report.test("create and commit", || create(id));
}

pub fn tour(report: &mut Report, id: &str) {
    report.test("whoami", || {
        let (client, _) = open(id)?;
        let who = client.whoami().send()?;
        want!(who.username == split_id(id).0, "{who:?}");
        Ok(())
    });
    report.test("create and commit", || create(id));
    report.test("list", || list(&open(id)?.1));
    report.test("download", || download(&open(id)?.1));
    report.test("snapshot", || snapshot(&open(id)?.1));
    report.test("upload a file and a folder", || upload(&open(id)?.1));
    report.test("branches, tags and history", || refs(&open(id)?.1));
    report.test("what is not there", || absent(&open(id)?.1));
    report.test("delete", || {
        let (client, repo) = open(id)?;
        repo.delete_file().path_in_repo("config.json").send()?;
        repo.delete_folder().path_in_repo("sub").send()?;
        client.delete_repository().repo_id(id).repo_type(RepoTypeModel).send()?;
        want!(!repo.exists().send()?, "it is still there");
        Ok(())
    });
}

fn paths(entries: &[RepoTreeEntry]) -> Vec<&str> {
    let path = |e: &RepoTreeEntry| match e {
        RepoTreeEntry::File { path, .. } | RepoTreeEntry::Directory { path, .. } => path.clone(),
    };
    let mut all: Vec<&str> = entries.iter().map(|e| &*path(e).leak()).collect();
    all.sort();
    all
}

fn list(repo: &Repo) -> Outcome {
    let tree = repo.list_tree().recursive(true).send()?;
    want!(
        paths(&tree) == [".gitattributes", "config.json", "sub", "sub/weights.bin"],
        "{tree:?}"
    );
    let tree = repo.list_tree().path_in_repo("sub").expand(true).send()?;
    let [RepoTreeEntry::File {
        size,
        lfs: Some(_),
        xet_hash: Some(xet),
        last_commit: Some(last),
        ..
    }] = &tree[..]
    else {
        return Err(format!("{tree:?}").into());
    };
    want!(
        *size == weights().len() as u64 && xet.len() == 64 && last.title.as_deref() == Some("First"),
        "{tree:?}"
    );
    let found = repo.get_paths_info().paths(vec!["config.json".into(), "absent".into()]).send()?;
    want!(paths(&found) == ["config.json"], "{found:?}");
    want!(repo.file_exists().filename("config.json").send()?, "config.json is not there");
    Ok(())
}

fn download(repo: &Repo) -> Outcome {
    let meta = repo.get_file_metadata().filepath("sub/weights.bin").send()?;
    want!(
        meta.file_size == weights().len() as u64 && meta.xet_hash.is_some() && meta.commit_hash.len() == 40,
        "{meta:?}"
    );
    for _ in 0..2 {
        want!(
            std::fs::read(repo.download_file().filename("config.json").send()?)? == b"{}",
            "config.json differs"
        );
        want!(
            std::fs::read(repo.download_file().filename("sub/weights.bin").send()?)? == weights(),
            "the weights differ"
        );
    }
    let part = repo
        .download_file_to_bytes()
        .filename("sub/weights.bin")
        .range(1_000_000..1_000_100)
        .send()?;
    want!(part == weights()[1_000_000..1_000_100], "a range differs");
    Ok(())
}

fn snapshot(repo: &Repo) -> Outcome {
    let to = std::env::temp_dir().join("snapshot");
    repo.snapshot_download().local_dir(to.clone()).send()?;
    want!(std::fs::read(to.join("sub/weights.bin"))? == weights(), "the weights differ");
    let folder = repo.snapshot_download().allow_patterns(vec!["*.json".into()]).send()?;
    want!(std::fs::read(folder.join("config.json"))? == b"{}", "config.json differs");
    Ok(())
}

fn upload(repo: &Repo) -> Outcome {
    let folder = std::env::temp_dir().join("up");
    std::fs::create_dir_all(folder.join("deep"))?;
    std::fs::write(folder.join("deep/a.txt"), "a")?;
    let other: Vec<u8> = weights().iter().map(|b| b ^ 1).collect();
    std::fs::write(folder.join("deep/other.bin"), &other)?;
    repo.upload_folder().folder_path(folder.clone()).path_in_repo("more").send()?;
    want!(
        repo.download_file_to_bytes().filename("more/deep/other.bin").send()? == other,
        "the folder's weights differ"
    );
    repo.upload_file()
        .source(AddSource::file(folder.join("deep/a.txt")))
        .path_in_repo("b.txt")
        .send()?;
    want!(repo.download_file_to_bytes().filename("b.txt").send()? == "a", "b.txt differs");
    repo.upload_file()
        .source(AddSource::bytes(Vec::new()))
        .path_in_repo("empty.txt")
        .send()?;
    want!(
        repo.download_file_to_bytes().filename("empty.txt").send()?.is_empty(),
        "empty.txt is not empty"
    );
    Ok(())
}

fn refs(repo: &Repo) -> Outcome {
    repo.create_branch().branch("dev/one").send()?;
    repo.upload_file()
        .source(AddSource::bytes("dev"))
        .path_in_repo("dev.txt")
        .revision("dev/one")
        .commit_message("On dev")
        .send()?;
    repo.create_tag().tag("v1").revision("dev/one").message("first").send()?;
    let refs = repo.list_refs().send()?;
    want!(refs.branches.len() == 2 && refs.tags.len() == 1, "{refs:?}");
    want!(
        repo.download_file_to_bytes().filename("dev.txt").revision("v1").send()? == "dev",
        "dev.txt differs"
    );
    let commits = repo.list_commits().revision("dev/one").send()?;
    want!(
        commits[0].title == "On dev" && commits.last().map(|c| &*c.title) == Some("initial commit"),
        "{commits:?}"
    );
    let diff = repo.get_raw_diff().compare("main..dev/one").send()?;
    want!(diff.contains("dev.txt"), "{diff}");
    repo.delete_tag().tag("v1").send()?;
    repo.delete_branch().branch("dev/one").send()?;
    want!(!repo.revision_exists().revision("dev/one").send()?, "the branch is still there");
    Ok(())
}

fn absent(repo: &Repo) -> Outcome {
    let file = repo.download_file().filename("absent.bin").send();
    want!(matches!(file, Err(HFError::EntryNotFound { .. })), "{file:?}");
    let revision = repo.download_file().filename("config.json").revision("absent").send();
    want!(matches!(revision, Err(HFError::EntryNotFound { .. })), "{revision:?}"); // it tells no 404 of a file from another
    want!(!repo.revision_exists().revision("absent").send()?, "an absent revision exists");
    let nothing = open("nobody/absent")?.1.info().send();
    want!(matches!(nothing, Err(HFError::RepoNotFound { .. })), "an absent repository came");
    Ok(())
}
