package rot

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/blob"
	"github.com/cairnhub/cairn/internal/blob/fs"
	"github.com/cairnhub/cairn/internal/fsck"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// Flips is F12: one bit is flipped in each of Each objects of each kind.
type Flips struct {
	Each int
}

// victim is a stored object and what it takes with it.
type victim struct {
	kind  string // xorb, pack, catalog, row, small (a row with small files), picture
	key   string // in the store; of a row: the repository's id
	tail  bool   // the bit is in the last bytes
	place string // where fsck is to say that something is missing
	want  string // the right answer
	doors []door
}

// run is one run on one hub.
type run struct {
	Flips
	t       *testing.T
	h       *testhub.Hub
	alice   testhub.Caller
	victims []*victim
	rng     *rand.Rand
	key     testhub.Key // alice's

	right, refused, cut, wrong int
}

// Run makes everything, copies it, spoils it, and has it found, repaired and sent again.
func (f Flips) Run(t *testing.T, h *testhub.Hub) {
	r := &run{Flips: f, t: t, h: h, alice: h.Member("alice", false), rng: rand.New(rand.NewPCG(12, uint64(f.Each)))}
	r.furnish()
	h.Sound()
	from := []string{"file:" + r.replicate(), "file:" + r.backup()}
	r.spoil()
	r.ask(true)
	r.find()
	if out, err := h.Repair(app.RepairOptions{From: from, Data: true, Dry: true}); !exits(err, app.ExitDamage) {
		t.Errorf("dry run: %v\n%s", err, out)
	}
	out, err := h.Repair(app.RepairOptions{From: from, Data: true})
	if !exits(err, app.ExitRepaired) {
		t.Errorf("repair: %v\n%s", err, out)
	}
	h.Sound()
	if out, err := h.Repair(app.RepairOptions{Data: true}); err != nil {
		t.Errorf("a second repair: %v\n%s", err, out)
	}
	r.ask(false)
	r.sendAgain()
	t.Logf("F12: %d objects spoiled; answers: %d right, %d refused, %d cut short, %d wrong", len(r.victims), r.right, r.refused, r.cut, r.wrong)
}

func exits(err error, code int) bool {
	var e app.ExitError
	return errors.As(err, &e) && e.Code == code
}

// text is text that does not compress, another for each call.
func (r *run) text(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(' ' + r.rng.IntN(95))
	}
	return string(b)
}

func (r *run) add(v victim) { r.victims = append(r.victims, &v) }

// keys are the objects of the store that begin with a prefix and end with a suffix.
func (r *run) keys(prefix, suffix string) (keys []string) {
	r.t.Helper()
	for after := ""; ; {
		list, err := r.h.App.Blobs().List(r.t.Context(), prefix, after, 1000)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, b := range list {
			if strings.HasSuffix(b.Key, suffix) {
				keys = append(keys, b.Key)
			}
		}
		if len(list) < 1000 {
			return keys
		}
		after = list[len(list)-1].Key
	}
}

// made runs a step and returns the one object that it made.
func (r *run) made(prefix, suffix string, step func()) string {
	r.t.Helper()
	before := map[string]bool{}
	for _, k := range r.keys(prefix, suffix) {
		before[k] = true
	}
	step()
	var fresh []string
	for _, k := range r.keys(prefix, suffix) {
		if !before[k] {
			fresh = append(fresh, k)
		}
	}
	if len(fresh) != 1 {
		r.t.Fatalf("%d new objects at %s*%s", len(fresh), prefix, suffix)
	}
	return fresh[0]
}

// furnish makes Each objects of each kind, so that each is missed at one place alone.
func (r *run) furnish() {
	h := r.h
	h.CreateRepo(r.alice, hub.Dataset, "alice/large", true)
	for i := range 2 * r.Each {
		content, path := r.text(150_000), fmt.Sprintf("dir/%d.bin", i)
		v := victim{kind: "xorb", tail: i >= r.Each, want: content, place: "datasets/alice/large: " + path + "@main"}
		v.key = r.made("xorbs/", "", func() {
			v.doors = largeDoors("alice/large", path, h.CommitLarge(r.alice, hub.Dataset, "alice/large", path, content))
		})
		r.add(v)
	}
	r.openGit()
	for i := range 4 * r.Each {
		id, kind, size := fmt.Sprintf("alice/model-%d", i), []string{"pack", "catalog", "row", "small"}[i/r.Each], 1_200_000
		switch kind {
		case "row":
			size = 300_000 // it is streamed
		case "small":
			size = 5000
		}
		h.CreateRepo(r.alice, hub.Model, id, false)
		v := victim{kind: kind, want: r.text(size), place: id, doors: smallDoors(id, "text.txt")}
		commit := func() {
			h.Commit(r.alice, hub.Model, id, "main", map[string]string{"text.txt": v.want})
		}
		switch kind {
		case "pack":
			v.key = r.made("git/", ".pack", commit)
		case "catalog":
			v.key = r.made("git/", ".cat", commit)
		default:
			commit()
			if err := h.App.DB().Get(r.t.Context(), &v.key, "SELECT id FROM repo WHERE name = ?", strings.TrimPrefix(id, "alice/")); err != nil {
				r.t.Fatal(err)
			}
		}
		if kind == "small" { // others come back from the backup
			h.JSON(r.alice, http.MethodPost, "/api/models/"+id+"/duplicate", map[string]any{"repository": id + "-twin"}, nil)
		}
		v.doors = append(v.doors, r.gitDoors(id, i, size)...)
		r.add(v)
	}
	for i := range r.Each {
		who := h.Member(fmt.Sprintf("person-%d", i), false)
		path := "/api/users/" + who.Name + "/avatar"
		v := victim{kind: "picture", doors: []door{plain("avatar", path)}}
		v.key = r.made("avatar/", "", func() { r.picture(who, i) })
		v.want = string(h.Do(testhub.Caller{}, http.MethodGet, path, nil).Body)
		v.doors = append(v.doors, plain("page's picture", "/avatars/"+pictureName(v.key)))
		v.place = v.key
		r.add(v)
	}
}

func (r *run) picture(who testhub.Caller, i int) {
	r.t.Helper()
	pic := image.NewRGBA(image.Rect(0, 0, 40, 40))
	for at := range pic.Pix {
		pic.Pix[at] = byte(at*(i+1)) | 0x80
	}
	var b, body bytes.Buffer
	if err := png.Encode(&b, pic); err != nil {
		r.t.Fatal(err)
	}
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "a.png")
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = part.Write(b.Bytes())
	_ = form.Close()
	if a := r.h.Do(who, http.MethodPost, "/api/users/"+who.Name+"/avatar", body.Bytes(), "Content-Type", form.FormDataContentType()); a.Status/100 != 2 {
		r.t.Fatalf("picture: %d %s", a.Status, a.Body)
	}
}

// replicate copies all objects into a folder.
func (r *run) replicate() string {
	r.t.Helper()
	dir := r.t.TempDir()
	to, err := fs.New(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, key := range r.keys("", "") {
		b, err := blob.GetBytes(r.t.Context(), r.h.App.Blobs(), key, 1<<30)
		if err == nil {
			err = blob.PutBytes(r.t.Context(), to, key, b)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	return dir
}

// backup is one in a folder. What lives in rows is in its catalogue alone.
func (r *run) backup() string {
	r.t.Helper()
	dir := r.t.TempDir()
	if out, err := r.h.Backup(dir); err != nil {
		r.t.Fatalf("backup: %v\n%s", err, out)
	}
	return dir
}

// spoil flips one bit in each victim.
func (r *run) spoil() {
	r.t.Helper()
	for _, v := range r.victims {
		r.flip(v)
	}
	r.h = r.h.Node() // with nothing cached
}

func (r *run) flip(v *victim) {
	r.t.Helper()
	ctx := r.t.Context()
	if v.kind == "row" || v.kind == "small" {
		var b []byte
		const last = " WHERE repo_id = ? AND seq = (SELECT MAX(seq) FROM git_pack WHERE repo_id = ?)"
		err := r.h.App.DB().Get(ctx, &b, "SELECT pack FROM git_pack"+last, v.key, v.key)
		if err == nil {
			b[r.rng.IntN(len(b))] ^= 1 << r.rng.IntN(8)
			_, err = r.h.App.DB().Exec(ctx, "UPDATE git_pack SET pack = ?"+last, b, v.key, v.key)
		}
		if err != nil {
			r.t.Fatal(err)
		}
		return
	}
	b, err := blob.GetBytes(ctx, r.h.App.Blobs(), v.key, 1<<30)
	if err != nil {
		r.t.Fatal(err)
	}
	at := r.rng.IntN(len(b))
	if v.tail {
		at = len(b) - 1 - r.rng.IntN(100)
	}
	b[at] ^= 1 << r.rng.IntN(8)
	if err := blob.PutBytes(ctx, r.h.App.Blobs(), v.key, b); err != nil {
		r.t.Fatal(err)
	}
}

// find has fsck name what each flipped bit takes away.
func (r *run) find() {
	r.t.Helper()
	report := r.h.Fsck(fsck.Options{Data: true})
	said := map[string]bool{}
	for _, f := range report.Findings {
		said[f.Key] = true
		for _, a := range f.Affects {
			said[a.String()] = true
			said[a.Repo] = true
		}
	}
	found := 0
	for _, v := range r.victims {
		if said[v.place] {
			found++
			continue
		}
		r.t.Errorf("%s %s: nothing says that %s is damaged", v.kind, v.key, v.place)
	}
	r.t.Logf("F12: %d of %d found, each with what it takes away", found, len(r.victims))
}

// sendAgain spoils the large files once more and has their owner, who knows nothing of repairs, upload them.
func (r *run) sendAgain() {
	for _, v := range r.victims {
		if v.kind == "xorb" {
			r.flip(v)
		}
	}
	r.h = r.h.Node()
	for _, v := range r.victims {
		if v.kind != "xorb" {
			continue
		}
		r.ask1(v, true) // readers notice
		r.h.Upload(r.alice, hub.Dataset, "alice/large", v.want)
		r.ask1(v, false)
	}
	r.h.Sound()
}
