package gitstore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// maxConflicts bounds how many conflicts of a merge are told.
const maxConflicts = 1000

// Conflict is a path on which the sides of a merge do not agree, with what lies there in each version. A version that
// has nothing there has a zero id.
type Conflict struct {
	Path    string
	Kind    string // content, add/add, binary, modify/delete, rename/rename … as git classes it
	Message string // what git says of it, a line for each reason
	Base    Version
	Ours    Version
	Theirs  Version
}

// Version is what lies at a path in one version.
type Version struct {
	Mode git.Mode
	OID  hub.OID
}

// kindOf turns git's class of a message (git-merge-tree(1)) into a kind; empty for what is no conflict.
func kindOf(class string) string {
	name, ok := strings.CutPrefix(class, "CONFLICT")
	if !ok {
		return ""
	}
	switch name = strings.Trim(name, " ()"); { // git 2.39 leaves out the space in some
	case name == "contents":
		return "content"
	case name == "distinct modes":
		return "type"
	case name == "rename involved in collision":
		return "rename/add"
	case strings.Contains(name, "directory rename"):
		return "directory rename"
	case strings.HasPrefix(name, "submodule"):
		return "submodule"
	}
	return name
}

// mergeSaid is the output of git merge-tree -z.
type mergeSaid struct {
	tree      hub.OID
	conflicts []Conflict
	more      bool
	byPath    map[string]int
	aside     []Conflict // told in messages alone
	endings   []string   // endings of the names under which git puts a side that finds its place taken
}

// parseMerge reads a tree's id; then, of a merge with conflicts, "mode id stage<TAB>path" for each version of each
// conflicting path up to an empty field; then messages: a number of paths, the paths, a class, a text. cut: the
// output's end is missing.
func parseMerge(out []byte, cut, clean bool, ours, theirs hub.OID) (*mergeSaid, error) {
	fields := &mergeFields{strings.Split(string(out), "\x00"), cut}
	m := &mergeSaid{byPath: map[string]int{}, endings: []string{"~" + ours.String(), "~" + theirs.String()}}
	first, _ := fields.next()
	var err error
	if m.tree, err = hub.ParseOID(first); err != nil {
		return nil, fmt.Errorf("git merge-tree says %.200q", out)
	}
	if clean {
		return m, nil
	}
	for {
		line, ok := fields.next()
		if !ok || line == "" {
			break
		}
		if err := m.version(line); err != nil {
			return nil, err
		}
	}
	for {
		paths, class, text, ok := fields.message()
		if !ok {
			break
		}
		m.message(paths, class, text)
	}
	m.finish()
	m.more = m.more || cut
	return m, nil
}

// mergeFields gives fields that are whole.
type mergeFields struct {
	rest []string
	cut  bool
}

func (f *mergeFields) next() (string, bool) {
	if len(f.rest) == 0 || f.cut && len(f.rest) == 1 {
		return "", false
	}
	s := f.rest[0]
	f.rest = f.rest[1:]
	return s, true
}

func (f *mergeFields) message() (paths []string, class, text string, ok bool) {
	count, _ := f.next()
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > len(f.rest) {
		return nil, "", "", false
	}
	for range n {
		p, _ := f.next()
		paths = append(paths, p)
	}
	class, _ = f.next()
	text, ok = f.next()
	return paths, class, text, ok
}

// version takes in one line of the list of versions.
func (m *mergeSaid) version(line string) error {
	head, path, ok := strings.Cut(line, "\t")
	words := strings.Fields(head)
	if !ok || len(words) != 3 {
		return fmt.Errorf("git merge-tree says %.200q", line)
	}
	mode, err := strconv.ParseUint(words[0], 8, 32)
	if err != nil {
		return fmt.Errorf("git merge-tree says %.200q", line)
	}
	oid, err := hub.ParseOID(words[1])
	if err != nil {
		return fmt.Errorf("git merge-tree says %.200q", line)
	}
	c := m.at(path)
	if c == nil {
		return nil
	}
	switch v := (Version{git.Mode(mode), oid}); words[2] {
	case "1":
		c.Base = v
	case "2":
		c.Ours = v
	case "3":
		c.Theirs = v
	}
	return nil
}

// at is the conflict on a path, a new one if need be; nil when there are too many.
func (m *mergeSaid) at(path string) *Conflict {
	path = m.place(path)
	i, ok := m.byPath[path]
	if !ok {
		if len(m.conflicts) == maxConflicts {
			m.more = true
			return nil
		}
		i = len(m.conflicts)
		m.byPath[path] = i
		m.conflicts = append(m.conflicts, Conflict{Path: path})
	}
	return &m.conflicts[i]
}

// place is the path that a side was to have.
func (m *mergeSaid) place(path string) string {
	for _, end := range m.endings {
		if i := strings.LastIndex(path, end); i > 0 {
			return path[:i]
		}
	}
	return path
}

// message gives a reason to the conflicts that it is about. git tells of some that it then finds to be none, of a file in
// a folder's way that goes in the end; so a message alone makes no conflict, unless there is nothing else.
func (m *mergeSaid) message(paths []string, class, text string) {
	kind := kindOf(class)
	if kind == "" || len(paths) == 0 {
		return // how a merge went that went well
	}
	about := map[int]bool{}
	for _, p := range paths {
		if i, ok := m.byPath[m.place(p)]; ok && !about[i] {
			m.conflicts[i].because(kind, text)
			about[i] = true
		}
	}
	if len(about) == 0 {
		m.aside = append(m.aside, Conflict{Path: m.place(paths[0]), Kind: kind, Message: strings.TrimSpace(text)})
	}
}

// because adds a reason. That contents differ says less than any other.
func (c *Conflict) because(kind, text string) {
	if c.Kind == "" || c.Kind == "content" {
		c.Kind = kind
	}
	if c.Message != "" {
		c.Message += "\n"
	}
	c.Message += strings.TrimSpace(text)
}

func (m *mergeSaid) finish() {
	if len(m.conflicts) == 0 {
		m.conflicts = m.aside[:min(len(m.aside), maxConflicts)]
	}
	if len(m.conflicts) == 0 { // what git has not called clean is not taken for clean
		m.conflicts = []Conflict{{Kind: "content", Message: "git finds a conflict, and does not say where."}}
	}
	for i := range m.conflicts {
		c := &m.conflicts[i]
		if c.Kind == "" {
			c.Kind = "content"
		}
		if c.Kind == "content" && c.Base.OID.IsZero() && !c.Ours.OID.IsZero() && !c.Theirs.OID.IsZero() {
			c.Kind = "add/add"
		}
	}
}
