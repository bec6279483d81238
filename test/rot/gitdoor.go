package rot

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/cairnhub/cairn/internal/testhub"
)

// openGit gives alice what git needs to come by SSH.
func (r *run) openGit() { r.key, _ = r.h.AddKey(r.alice) }

// gitDoors are the ways to a model's text.txt that take more than an address, and what else is made of the repository. Half
// of the repositories are cloned by HTTP, the others by SSH.
func (r *run) gitDoors(id string, i, size int) []door {
	archive, clone := "/"+id+"/archive/main", door{name: "git over HTTP", open: func(r *run, c testhub.Caller) (answer, error) { return r.clone(c, id, false) }}
	if i%2 == 1 {
		clone = door{name: "git over SSH", open: func(r *run, c testhub.Caller) (answer, error) { return r.clone(c, id, true) }}
	}
	doors := []door{clone,
		{name: "tar.gz", open: func(r *run, c testhub.Caller) (answer, error) { return r.unpack(c, archive+".tar.gz", fromTar) }},
		{name: "zip", open: func(r *run, c testhub.Caller) (answer, error) { return r.unpack(c, archive+".zip", fromZip) }},
	}
	if size <= 512<<10 { // a page shows it
		doors = append(doors, door{name: "page", open: func(r *run, c testhub.Caller) (answer, error) { return r.page(c, id) }})
	}
	api := "/api/models/" + id
	var history []struct{ ID string }
	r.h.JSON(r.alice, http.MethodGet, api+"/commits/main", nil, &history)
	if len(history) != 2 {
		r.t.Fatalf("%s has %d commits", id, len(history))
	}
	compare := "/compare/" + history[1].ID + ".." + history[0].ID
	for _, p := range []string{"/tree/main?expand=true", "/commits/main", "/commit/main", compare, compare + "?raw=true", "/blame/main/text.txt"} {
		a := r.h.Do(r.alice, http.MethodGet, api+p, nil)
		if a.Status/100 == 2 {
			doors = append(doors, door{name: p, want: string(a.Body), open: func(r *run, c testhub.Caller) (answer, error) { return r.get(c, api+p) }})
		} else if size < 10_000 {
			r.t.Fatalf("%s: %d %s", p, a.Status, a.Body)
		}
	}
	return doors
}

// clone is what git makes of it. git ends badly when it is not whole.
func (r *run) clone(c testhub.Caller, id string, bySSH bool) (a answer, err error) {
	remote, err := url.Parse(r.h.URL + "/" + id)
	if err != nil {
		return a, err
	}
	remote.User = url.UserPassword(c.Name, c.Token)
	if bySSH {
		addr, _ := r.h.SSH()
		remote = &url.URL{Scheme: "ssh", Host: addr, User: url.User("git"), Path: "/" + id}
	}
	home, err := os.MkdirTemp("", "rot-clone-*")
	if err != nil {
		return a, err
	}
	defer os.RemoveAll(home)
	cmd := exec.CommandContext(r.t.Context(), "git", "clone", "-q", remote.String(), filepath.Join(home, "clone"))
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C",
		"GIT_SSH_COMMAND=ssh -F none -i " + r.key.File + " -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return a, fmt.Errorf("%w: %w: %s", errRefused, err, strings.ReplaceAll(string(out), c.Token, "TOKEN"))
	}
	a.whole, a.n = true, -1
	a.body, err = os.ReadFile(filepath.Join(home, "clone", "text.txt"))
	return a, err
}

// unpack is text.txt in an archive. One that came whole must be one.
func (r *run) unpack(c testhub.Caller, address string, from func([]byte) ([]byte, error)) (answer, error) {
	a, err := r.get(c, address)
	if err != nil || !a.whole {
		a.body = nil // a client that unpacks it notices
		return a, err
	}
	if a.body, err = from(a.body); err != nil {
		a.body = []byte(err.Error()) // wrong
	}
	return a, nil
}

var errNotThere = errors.New("there is no text.txt")

func fromTar(b []byte) (text []byte, err error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		switch {
		case errors.Is(err, io.EOF) && text == nil:
			return nil, errNotThere
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, err
		case path.Base(h.Name) == "text.txt":
			if text, err = io.ReadAll(files); err != nil {
				return nil, err
			}
		}
	}
}

func fromZip(b []byte) ([]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		if path.Base(f.Name) == "text.txt" {
			rc, err := f.Open()
			if err != nil {
				return nil, err
			}
			defer rc.Close()
			return io.ReadAll(rc)
		}
	}
	return nil, errNotThere
}

// page is the text that a page shows.
func (r *run) page(c testhub.Caller, id string) (answer, error) {
	a, err := r.get(c, "/"+id+"/blob/main/text.txt")
	if err != nil || !a.whole {
		a.body = nil
		return a, err
	}
	text := html.UnescapeString(string(a.body))
	for _, v := range r.victims {
		if v.place == id && strings.Contains(text, v.want) {
			a.body = []byte(v.want)
		}
	}
	return a, nil
}

// pictureName is what pages call a picture of a key in the store: by its hash.
func pictureName(key string) string {
	hash, _, _ := strings.Cut(path.Base(key), "-")
	return hash + ".jpg"
}
