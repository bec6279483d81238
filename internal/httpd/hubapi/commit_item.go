package hubapi

import (
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
)

// commitItem is a commit in a list. Every answer that holds commits renders them by commitOf.
type commitItem struct {
	ID        string         `json:"id"`
	Title     string         `json:"title"`
	Message   string         `json:"message"`
	Authors   []commitAuthor `json:"authors"`
	Date      string         `json:"date"`
	Formatted *formatted     `json:"formatted,omitempty"`

	Verification *verification `json:"verification,omitempty"` // of a commit by itself, and of a list on request
}

type commitAuthor struct {
	User   string `json:"user"`
	Avatar string `json:"avatar,omitempty"`
}

type formatted struct {
	Title   string `json:"title"`
	Message string `json:"message"`
}

func commitOf(id hub.OID, c *git.Commit, format bool) commitItem {
	title, body := c.Subject(), c.Body()
	item := commitItem{ID: id.String(), Title: title, Message: body, Date: content.Date(c.Committer.When), Authors: []commitAuthor{{User: c.Author.Name}}}
	if format {
		item.Formatted = &formatted{Title: htmlText(title), Message: htmlText(body)}
	}
	return item
}

// commitDetail is a commit by itself.
type commitDetail struct {
	commitItem
	Parents    []string     `json:"parents"`
	Tree       string       `json:"tree"`
	Author     person       `json:"author"`
	Committer  person       `json:"committer"`
	RawMessage string       `json:"rawMessage"`
	Stats      commitStats  `json:"stats"`
	Files      []commitFile `json:"files"`
}

type person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Date  string `json:"date"`
}

type commitStats struct {
	Files     int  `json:"files"`
	Additions int  `json:"additions"`
	Deletions int  `json:"deletions"`
	Truncated bool `json:"truncated"`
}

type commitFile struct {
	Path       string    `json:"path"`
	Status     string    `json:"status"`
	Similarity int       `json:"similarity,omitempty"`
	Old        *fileSide `json:"old,omitempty"`
	New        *fileSide `json:"new,omitempty"`
	Binary     bool      `json:"binary"`
	Additions  *int      `json:"additions,omitempty"`
	Deletions  *int      `json:"deletions,omitempty"`
	Patch      *string   `json:"patch,omitempty"`
	Truncated  bool      `json:"patchTruncated"`
}

type fileSide struct {
	Path string       `json:"path"`
	Mode string       `json:"mode"`
	OID  string       `json:"oid"`
	Size int64        `json:"size"`
	LFS  *content.LFS `json:"lfs,omitempty"`
}

func commitDetailOf(s *content.Shown, format bool) commitDetail {
	c := s.Commit
	out := commitDetail{
		commitItem: commitOf(s.ID, c, format), Parents: make([]string, len(c.Parents)), Tree: c.Tree.String(),
		Author: personOf(c.Author), Committer: personOf(c.Committer), RawMessage: c.Message,
		Stats: commitStats{s.Stats.Files, s.Stats.Added, s.Stats.Deleted, s.Stats.More || s.Stats.Short}, Files: make([]commitFile, len(s.Files)),
	}
	for i, p := range c.Parents {
		out.Parents[i] = p.String()
	}
	for i := range s.Files {
		out.Files[i] = commitFileOf(&s.Files[i])
	}
	return out
}

func personOf(s git.Signature) person { return person{s.Name, s.Email, content.Date(s.When)} }

func commitFileOf(f *content.ShownFile) commitFile {
	out := commitFile{Path: f.Path, Status: f.Status, Similarity: f.Similarity, Binary: f.Binary, Truncated: f.PatchShort}
	if !f.Added() {
		out.Old = sideOf(f.OldPath, f.OldMode, f.OldOID, f.Old)
	}
	if !f.Deleted() {
		out.New = sideOf(f.Path, f.NewMode, f.NewOID, f.New)
	}
	if f.Compared {
		out.Additions, out.Deletions = &f.Stat.Added, &f.Stat.Deleted
	}
	if f.Patch != "" {
		out.Patch = &f.Patch
	}
	return out
}

func sideOf(path string, mode git.Mode, oid hub.OID, b content.Blob) *fileSide {
	return &fileSide{Path: path, Mode: mode.String(), OID: oid.String(), Size: b.Size, LFS: b.LFS}
}
