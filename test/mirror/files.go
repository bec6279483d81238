package mirror

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// draft is a commit being thought out: the hub's lines, fast-import's lines, and the files that it leads to.
type draft struct {
	w       *world
	base    map[string]entry
	files   map[string]entry
	touched []string
	hub     strings.Builder
	git     strings.Builder
}

func (w *world) commit() { w.commitOn(pick(w, w.branches)) }

// commitOn changes some files of a branch.
func (w *world) commitOn(branch string) {
	parent := w.branches[branch]
	d := &draft{w: w, base: w.list(parent), files: maps.Clone(w.list(parent))}
	for range 1 + w.rnd.IntN(3) {
		d.change()
	}
	if len(d.touched) == 0 {
		d.add()
	}
	msg := fmt.Sprintf("step %d", w.step)
	w.what = fmt.Sprintf("commit on %s:\n%s%s", branch, d.hub.String(), d.git.String())
	a := w.must("POST", "/commit/"+url.PathEscape(branch), header(msg)+d.hub.String(), "Content-Type", "application/x-ndjson")
	oid := w.ref.commit(w.stamp(branch), parent, msg+"\n", d.git.String())
	w.same(a.CommitOid, oid)
	w.arrive(branch, oid, parent)
	w.files[oid] = d.files
	w.count("commit")
}

// arrive notes a new commit.
func (w *world) arrive(branch, oid string, parents ...string) {
	w.branches[branch] = oid
	w.parents[oid] = parents
}

func header(msg string) string { return line("header", map[string]any{"summary": msg}) }

// change adds one change to the commit. Few files lead to new ones, many to deletions.
func (d *draft) change() {
	n := d.w.rnd.IntN(100)
	if len(d.files) < 8 {
		n %= 40
	}
	if len(d.files) > 60 && n < 25 {
		n = 85
	}
	switch {
	case n < 25:
		d.add()
	case n < 55:
		d.edit()
	case n < 65:
		d.move()
	case n < 70:
		d.copyFile()
	case n < 74:
		d.moveFolder()
	case n < 78:
		d.setLarge()
	case n < 80:
		d.swap()
	case n < 83:
		d.removeFolder()
	default:
		d.remove()
	}
	d.w.count("file operation")
}

var words = strings.Fields("stone path hill water mist moss cairn north south east west ridge peak lake wind snow rain sun cloud star")

func (w *world) line() string {
	return words[w.rnd.IntN(len(words))] + " " + words[w.rnd.IntN(len(words))] + " " + words[w.rnd.IntN(len(words))]
}

func (w *world) newText() string {
	switch w.rnd.IntN(12) {
	case 0:
		return ""
	case 1:
		return "\x00\x01" + w.line() + "\x00" // binary
	case 2:
		return w.line() // no line break at the end
	}
	var b strings.Builder
	for range 5 + w.rnd.IntN(20) {
		b.WriteString(w.line() + "\n")
	}
	return b.String()
}

var folders = []string{"", "a/", "a/b/", "a/b/c/", "data/", "data/x y/", "größe/", "d.o.t/", "lib/", "lib/core/"}

// newPath is a path that is free and lies in no file's way.
func (d *draft) newPath() (string, bool) {
	for range 20 {
		d.w.names++
		name := fmt.Sprintf("f%d", d.w.names%300)
		switch d.w.rnd.IntN(10) {
		case 0:
			name = `quo"te\` + name
		case 1:
			name = "ünï " + name
		case 2:
			name += ".md"
		}
		if p := folders[d.w.rnd.IntN(len(folders))] + name; d.free(p) {
			return p, true
		}
	}
	return "", false
}

// free reports whether a file may come to a path, and whether nothing in its way was touched by this commit.
func (d *draft) free(path string) bool {
	for p := range d.files {
		if p == path || strings.HasPrefix(p, path+"/") || strings.HasPrefix(path, p+"/") {
			return false
		}
	}
	return d.untouched(path)
}

func (d *draft) untouched(path string) bool {
	for _, p := range d.touched {
		if p == path || strings.HasPrefix(p, path+"/") || strings.HasPrefix(path, p+"/") {
			return false
		}
	}
	return true
}

// old is a file of the parent that this commit has not touched.
func (d *draft) old() (string, bool) {
	var list []string
	for _, p := range slices.Sorted(maps.Keys(d.base)) {
		if _, there := d.files[p]; there && d.untouched(p) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return "", false
	}
	return list[d.w.rnd.IntN(len(list))], true
}

func (d *draft) touch(paths ...string) { d.touched = append(d.touched, paths...) }

// write puts a file, in both worlds.
func (d *draft) write(path, text string) {
	d.hub.WriteString(line("file", map[string]any{"path": path, "content": []byte(text), "encoding": "base64"}))
	fmt.Fprintf(&d.git, "M 100644 inline %s\ndata %d\n%s\n", quote(path), len(text), text)
	d.files[path] = d.w.blob(text)
	d.touch(path)
}

func (d *draft) add() {
	if p, ok := d.newPath(); ok {
		d.write(p, d.w.newText())
	}
}

// edit changes a line or two of a file.
func (d *draft) edit() {
	p, ok := d.old()
	if !ok || !d.w.isText(d.files[p]) {
		return
	}
	d.write(p, d.w.edited(d.w.text(d.files[p].oid)))
}

// isText reports whether lines of a file may be changed. In a pointer nobody does: the hub merges no broken ones.
func (w *world) isText(e entry) bool {
	return e.mode != "120000" && !strings.HasPrefix(w.text(e.oid), "version ")
}

func (w *world) edited(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for range 1 + w.rnd.IntN(2) {
		i := w.rnd.IntN(len(lines))
		switch w.rnd.IntN(4) {
		case 0:
			lines = slices.Insert(lines, i, w.line()+"\n")
		case 1:
			if len(lines) > 3 {
				lines = slices.Delete(lines, i, i+1)
			}
		default:
			lines[i] = w.line() + "\n"
		}
	}
	return strings.Join(lines, "")
}

// move renames a file, with a change of its text or without.
func (d *draft) move() {
	from, ok := d.old()
	to, free := d.newPath()
	if !ok || !free || from == to {
		return
	}
	e := d.files[from]
	if d.w.rnd.IntN(2) == 0 && d.w.isText(e) {
		text := d.w.edited(d.w.text(e.oid))
		d.hub.WriteString(line("file", map[string]any{"path": to, "oldPath": from, "content": []byte(text), "encoding": "base64"}))
		fmt.Fprintf(&d.git, "D %s\nM 100644 inline %s\ndata %d\n%s\n", quote(from), quote(to), len(text), text)
		d.files[to] = d.w.blob(text)
	} else {
		d.hub.WriteString(line("file", map[string]any{"path": to, "oldPath": from}))
		fmt.Fprintf(&d.git, "R %s %s\n", quote(from), quote(to))
		d.files[to] = e
	}
	delete(d.files, from)
	d.touch(from, to)
}

// copyFile copies a file of this branch or of another.
func (d *draft) copyFile() {
	to, free := d.newPath()
	if !free {
		return
	}
	if d.w.rnd.IntN(2) == 0 {
		from, ok := d.old()
		if !ok {
			return
		}
		d.hub.WriteString(line("copyFile", map[string]any{"path": to, "srcPath": from}))
		fmt.Fprintf(&d.git, "C %s %s\n", quote(from), quote(to))
		d.files[to] = d.files[from]
		d.touch(from, to)
		return
	}
	branch := pick(d.w, d.w.branches)
	theirs := d.w.list(d.w.branches[branch])
	if len(theirs) == 0 {
		return
	}
	from := pick(d.w, theirs)
	d.hub.WriteString(line("copyFile", map[string]any{"path": to, "srcPath": from, "srcRevision": branch}))
	fmt.Fprintf(&d.git, "M %s %s %s\n", theirs[from].mode, theirs[from].oid, quote(to))
	d.files[to] = theirs[from]
	d.touch(to)
}

// moveFolder renames all files of a folder.
func (d *draft) moveFolder() {
	dir, ok := d.folder()
	if !ok {
		return
	}
	d.w.names++
	to := fmt.Sprintf("moved%d/", d.w.names%20)
	if !d.free(strings.TrimSuffix(to, "/")) {
		return
	}
	for _, p := range slices.Sorted(maps.Keys(d.files)) {
		if rest, in := strings.CutPrefix(p, dir+"/"); in {
			d.hub.WriteString(line("file", map[string]any{"path": to + rest, "oldPath": p}))
			fmt.Fprintf(&d.git, "R %s %s\n", quote(p), quote(to+rest))
			d.files[to+rest] = d.files[p]
			delete(d.files, p)
		}
	}
	d.touch(dir, strings.TrimSuffix(to, "/"))
}

// folder is a folder of the parent in which this commit has touched nothing.
func (d *draft) folder() (string, bool) {
	p, ok := d.old()
	if !ok {
		return "", false
	}
	i := strings.IndexByte(p, '/')
	if j := strings.LastIndexByte(p, '/'); d.w.rnd.IntN(2) == 0 {
		i = j
	}
	if i < 0 || !d.untouched(p[:i]) {
		return "", false
	}
	return p[:i], true
}

func (d *draft) setLarge() {
	p, ok := d.old()
	if !ok || d.w.rnd.IntN(2) == 0 {
		if p, ok = d.newPath(); !ok {
			return
		}
	}
	ptr := d.w.large[d.w.rnd.IntN(len(d.w.large))]
	lines := strings.Fields(ptr) // version V oid sha256:X size N
	d.hub.WriteString(line("lfsFile", map[string]any{"path": p, "algo": "sha256", "oid": strings.TrimPrefix(lines[3], "sha256:")}))
	fmt.Fprintf(&d.git, "M 100644 inline %s\ndata %d\n%s\n", quote(p), len(ptr), ptr)
	d.files[p] = d.w.blob(ptr)
	d.touch(p)
}

// swap makes a folder of a file, or a file of a folder.
func (d *draft) swap() {
	if dir, ok := d.folder(); ok && d.w.rnd.IntN(2) == 0 {
		d.dropFolder(dir)
		d.write(dir, d.w.newText())
		return
	}
	if p, ok := d.old(); ok && p != ".gitattributes" { // which must be a file
		d.drop(p)
		d.write(p+"/in", d.w.newText())
	}
}

func (d *draft) removeFolder() {
	if dir, ok := d.folder(); ok {
		d.dropFolder(dir)
	}
}

func (d *draft) dropFolder(dir string) {
	d.hub.WriteString(line("deletedFolder", map[string]any{"path": dir + "/"}))
	fmt.Fprintf(&d.git, "D %s\n", quote(dir))
	maps.DeleteFunc(d.files, func(p string, _ entry) bool { return strings.HasPrefix(p, dir+"/") })
	d.touch(dir)
}

func (d *draft) remove() {
	if p, ok := d.old(); ok {
		d.drop(p)
	}
}

func (d *draft) drop(p string) {
	d.hub.WriteString(line("deletedFile", map[string]any{"path": p}))
	fmt.Fprintf(&d.git, "D %s\n", quote(p))
	delete(d.files, p)
	d.touch(p)
}

// quote writes a path as fast-import reads it.
func quote(p string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p) + `"`
}
