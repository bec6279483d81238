package repo

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/card"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// The bounds of the files that a caller may give a new repository.
const (
	maxInitialFiles = 100
	maxInitialBytes = 10_000_000
)

// attributePatterns are the files that git clients of a new repository hand to LFS: the suffixes that are
// large unless the operator says otherwise, and the names that such files have without one.
var attributePatterns = []string{
	"*.7z", "*.arrow", "*.avi", "*.bin", "*.bz2", "*.ckpt", "*.flac", "*.ftz", "*.ggml", "*.gguf", "*.gz", "*.h5", "*.joblib",
	"*.lfs.*", "*.mkv", "*.mlmodel", "*.model", "*.mov", "*.mp3", "*.mp4", "*.msgpack", "*.npy", "*.npz", "*.onnx", "*.ot",
	"*.parquet", "*.pb", "*.pickle", "*.pkl", "*.pt", "*.pth", "*.rar", "*.safetensors", "saved_model/**/*", "*.tar.*", "*.tar",
	"*.tflite", "*.tgz", "*.tif", "*.tiff", "*.wasm", "*.wav", "*.xz", "*.zip", "*.zst", "*tfevents*",
}

func gitAttributes() []byte {
	var b bytes.Buffer
	for _, p := range attributePatterns {
		b.WriteString(p + " filter=lfs diff=lfs merge=lfs -text\n")
	}
	return b.Bytes()
}

// spaceSDKs are the kinds of Spaces that can be created.
var spaceSDKs = []string{"gradio", "docker", "static", "streamlit"}

// files are those of the initial commit: .gitattributes, what the type needs, then the caller's.
func (n NewRepo) files() (map[string][]byte, error) {
	if n.License != "" && !slices.Contains(card.Licenses(), n.License) {
		return nil, errs.New(errs.Invalid, "Unknown license %q; use one of the listed identifiers, or other", clip(n.License))
	}
	files := map[string][]byte{".gitattributes": gitAttributes()}
	if n.ID.Type == hub.Space {
		if !slices.Contains(spaceSDKs, n.SDK) {
			return nil, errs.New(errs.Invalid, `"sdk" must be one of [%s]`, strings.Join(spaceSDKs, ", "))
		}
		if n.SDK == "static" {
			files["index.html"], files["style.css"] = []byte(staticIndex), []byte(staticStyle)
		}
	}
	readme, err := card.NewReadme(n.front(), nil)
	if err != nil {
		return nil, err
	}
	if len(readme) > 0 {
		files["README.md"] = readme
	}
	if err := n.addOwn(files); err != nil {
		return nil, err
	}
	return files, checkReadme(files["README.md"], n.ID.Type)
}

// front is the metadata of the first README; none for a model or dataset without a licence.
func (n NewRepo) front() []card.Field {
	var front []card.Field
	if n.ID.Type == hub.Space {
		front = []card.Field{
			{Key: "title", Value: title(n.ID.Name)}, {Key: "emoji", Value: "🪨"}, {Key: "colorFrom", Value: "gray"}, {Key: "colorTo", Value: "blue"},
			{Key: "sdk", Value: n.SDK}, {Key: "sdk_version", Value: n.SDKVersion},
		}
		if n.SDK == "gradio" || n.SDK == "streamlit" {
			front = append(front, card.Field{Key: "app_file", Value: "app.py"})
		}
		front = append(front, card.Field{Key: "pinned", Value: false})
	}
	return append(front, card.Field{Key: "license", Value: n.License}, card.Field{Key: "license_name", Value: n.LicenseName},
		card.Field{Key: "license_link", Value: n.LicenseLink}, card.Field{Key: "short_description", Value: n.ShortDescription})
}

// title is a name made readable.
func title(name string) string {
	words := strings.FieldsFunc(name, func(c rune) bool { return c == '-' || c == '_' || c == '.' })
	for i, w := range words {
		words[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, " ")
}

func (n NewRepo) addOwn(files map[string][]byte) error {
	total := 0
	if len(n.Files) > maxInitialFiles {
		return errs.New(errs.TooLarge, "A new repository may start with at most %d files; commit the others", maxInitialFiles)
	}
	for _, f := range n.Files {
		if err := git.CheckPath(f.Path); err != nil {
			return errs.New(errs.Invalid, "Invalid file path: %v", err)
		}
		if total += len(f.Content); total > maxInitialBytes {
			return errs.New(errs.TooLarge, "A new repository may start with at most %d bytes; commit the rest", maxInitialBytes)
		}
		files[f.Path] = f.Content
	}
	for p := range files {
		for dir := parent(p); dir != ""; dir = parent(dir) {
			if _, file := files[dir]; file {
				return errs.New(errs.Invalid, "%q cannot be both a file and a folder", dir)
			}
		}
	}
	return nil
}

func parent(p string) string { return p[:max(strings.LastIndexByte(p, '/'), 0)] }

func checkReadme(text []byte, typ hub.RepoType) error {
	if text == nil {
		return nil
	}
	if _, problems, _ := card.Parse(text, typ); len(problems) > 0 {
		return errs.New(errs.Invalid, "Invalid metadata in README.md: %s", problems[0].Message)
	}
	return nil
}

// firstCommit is a built initial commit: its bytes are stored, nothing points to it yet.
type firstCommit struct {
	id    hub.OID
	pack  *gitstore.Pack
	facts *Facts
}

func (s *Service) initialCommit(ctx context.Context, actor hub.Actor, r *Repo, files map[string][]byte) (*firstCommit, error) {
	w := s.git.NewPack(ctx, r.RowID)
	defer w.Abort()
	tree, err := writeTree(w, files)
	if err != nil {
		return nil, err
	}
	who := Author(actor, s.now())
	commit := git.Commit{Tree: tree, Author: who, Committer: who, Message: "initial commit\n"}
	c := &firstCommit{}
	if c.id, err = w.AddBytes(git.KindCommit, commit.Encode()); err != nil {
		return nil, err
	}
	if c.pack, err = w.Finish(ctx); err != nil {
		return nil, err
	}
	c.facts, err = Derive(ctx, inMemory(files), r.Type)
	return c, err
}

// Author is how an actor stands in commits. The address is one that no mail reaches: addresses are private.
func Author(a hub.Actor, at time.Time) git.Signature {
	return git.Signature{Name: a.Name, Email: a.Name + "@users.noreply.cairn", When: at.UTC().Truncate(time.Second)}
}

// writeTree writes files and the folders above them, depth first.
func writeTree(w *gitstore.PackWriter, files map[string][]byte) (hub.OID, error) {
	var entries []git.TreeEntry
	folders := map[string]map[string][]byte{}
	for p, content := range files {
		name, rest, nested := strings.Cut(p, "/")
		if nested {
			if folders[name] == nil {
				folders[name] = map[string][]byte{}
			}
			folders[name][rest] = content
			continue
		}
		oid, err := w.AddBytes(git.KindBlob, content)
		if err != nil {
			return hub.OID{}, err
		}
		entries = append(entries, git.TreeEntry{Name: name, Mode: git.ModeFile, OID: oid})
	}
	for name, below := range folders {
		oid, err := writeTree(w, below)
		if err != nil {
			return hub.OID{}, err
		}
		entries = append(entries, git.TreeEntry{Name: name, Mode: git.ModeDir, OID: oid})
	}
	git.SortEntries(entries)
	return w.AddBytes(git.KindTree, git.EncodeTree(entries))
}

func inMemory(files map[string][]byte) Source {
	return Source{
		Files: func(context.Context, int) ([]string, error) {
			var names []string
			for p := range files {
				names = append(names, p)
			}
			slices.Sort(names)
			return names, nil
		},
		Open: func(_ context.Context, p string) (io.ReadCloser, int64, error) {
			return io.NopCloser(bytes.NewReader(files[p])), int64(len(files[p])), nil
		},
	}
}

const staticIndex = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Static Space</title>
    <link rel="stylesheet" href="style.css">
  </head>
  <body>
    <main>
      <h1>It works</h1>
      <p>This page is <code>index.html</code>. Commit a new one to change it.</p>
    </main>
  </body>
</html>
`

const staticStyle = `body {
  margin: 0;
  font: 16px/1.5 system-ui, sans-serif;
}

main {
  max-width: 40rem;
  margin: 4rem auto;
  padding: 0 1rem;
}
`
