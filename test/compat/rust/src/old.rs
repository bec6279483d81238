//! 0.4 and 0.5: information and files, blocking and with tokio.

use crate::{want, weights, Report};

macro_rules! fetch {
    ($name:ident, $hub:ident) => {
        pub fn $name(report: &mut Report, id: &str) {
            use $hub::{api, Repo, RepoType};
            let token = || std::env::var("HF_TOKEN").ok();
            let repo = |revision: &str| Repo::with_revision(id.into(), RepoType::Model, revision.into());
            report.test("info, blocking", || {
                let api = api::sync::ApiBuilder::from_env()
                    .with_token(token())
                    .with_progress(false)
                    .build()?;
                let info = api.repo(repo("main")).info()?;
                want!(info.sha.len() == 40, "sha {}", info.sha);
                let files: Vec<_> = info.siblings.iter().map(|s| s.rfilename.as_str()).collect();
                want!(
                    files == [".gitattributes", "config.json", "sub/weights.bin"],
                    "siblings {files:?}"
                );
                Ok(())
            });
            report.test("files, blocking", || {
                let api = api::sync::ApiBuilder::from_env()
                    .with_token(token())
                    .with_progress(false)
                    .build()?;
                for revision in ["main", "refs/heads/main"] {
                    let repo = api.repo(repo(revision));
                    want!(std::fs::read(repo.get("config.json")?)? == b"{}", "config.json differs");
                    want!(
                        std::fs::read(repo.get("sub/weights.bin")?)? == weights(),
                        "the weights differ"
                    );
                    want!(
                        std::fs::read(repo.download("sub/weights.bin")?)? == weights(),
                        "the weights differ, again"
                    );
                }
                Ok(())
            });
            report.test("what is not there, blocking", || {
                let api = api::sync::ApiBuilder::from_env()
                    .with_token(token())
                    .with_progress(false)
                    .build()?;
                want!(api.repo(repo("main")).get("absent.bin").is_err(), "an absent file came");
                want!(
                    api.repo(repo("absent")).get("config.json").is_err(),
                    "a file of an absent revision came"
                );
                want!(api.model("nobody/absent".into()).info().is_err(), "an absent repository came");
                Ok(())
            });
            report.test("without a token", || {
                let api = api::sync::ApiBuilder::from_env()
                    .with_token(None)
                    .with_progress(false)
                    .build()?;
                want!(api.repo(repo("main")).info().is_err(), "a private repository came");
                Ok(())
            });
            report.test("files in parallel parts, tokio", || {
                tokio::runtime::Runtime::new()?.block_on(async {
                    let folder = std::env::temp_dir().join(stringify!($name));
                    let api = api::tokio::ApiBuilder::from_env()
                        .with_token(token())
                        .with_progress(false)
                        .with_cache_dir(folder)
                        .with_max_files(4)
                        .with_chunk_size(Some(500_000))
                        .build()?;
                    let repo = api.repo(repo("main"));
                    want!(repo.info().await?.siblings.len() == 3, "siblings");
                    want!(
                        std::fs::read(repo.get("sub/weights.bin").await?)? == weights(),
                        "the weights differ"
                    );
                    want!(std::fs::read(repo.get("config.json").await?)? == b"{}", "config.json differs");
                    Ok(())
                })
            });
        }
    };
}

fetch!(v04, hf04);
fetch!(v05, hf05);
