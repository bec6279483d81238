package webui

import (
	"io/fs"
	"path"
	"testing"

	"github.com/cairnhub/cairn/web"
)

// TestPagesAreRight parses each page, since a hub does so when a page is first asked for.
func TestPagesAreRight(t *testing.T) {
	s, err := site()
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(web.Files, "page/*/*.tmpl")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		page, err := s.pages.page(path.Base(path.Dir(name)))
		if err != nil || page.Lookup("layout") == nil {
			t.Error(name, err)
		}
		if again, _ := s.pages.page(path.Base(path.Dir(name))); again != page {
			t.Errorf("%s is parsed each time", name)
		}
	}
	if _, err := s.pages.page("nothing"); err == nil {
		t.Error("a page that is not there was parsed")
	}
}
