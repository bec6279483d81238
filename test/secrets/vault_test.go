package secrets

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/testhub"
)

// vault remembers what was planted.
type vault struct {
	mu    sync.Mutex
	kinds map[string]string // secret → what it is
}

// plant remembers a secret. What is short would be found by chance.
func (v *vault) plant(t *testing.T, kind, secret string) string {
	t.Helper()
	if len(secret) < 8 {
		t.Fatalf("%s: %q is no secret", kind, secret)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.kinds[secret] = kind
	return secret
}

// count is how many secrets there are, and of which kinds.
func (v *vault) count() (n int, kinds map[string]int) {
	kinds = map[string]int{}
	for _, k := range v.kinds {
		kinds[k]++
	}
	return len(v.kinds), kinds
}

// search reports which secrets are in a text, as they are or as headers, addresses and forms carry them.
func (v *vault) search(text []byte) (found []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for secret, kind := range v.kinds {
		for how, form := range map[string]string{
			"": secret, " in an address": url.QueryEscape(secret), " in base 64": base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)/3*4],
			" as a password of Basic": strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("user:"+secret)), "=")[8:],
		} {
			if i := bytes.Index(text, []byte(form)); i >= 0 {
				found = append(found, fmt.Sprintf("%s%s: …%q…", kind, how, text[max(0, i-120):min(len(text), i+40)]))
				break
			}
		}
	}
	slices.Sort(found)
	return found
}

// searchFiles reads everything below a folder.
func (v *vault) searchFiles(t *testing.T, what, dir string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // a temporary file that is gone
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		v.report(t, what+" "+strings.TrimPrefix(path, dir), b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (v *vault) report(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, f := range v.search(text) {
		t.Errorf("%s holds a %s", where, f)
	}
}

// asker sends requests whose answers may hold no secret at all.
type asker struct {
	*testing.T
	h *testhub.Hub
	v *vault
	n int // answers that were searched
}

// ask looks for secrets in an answer, head and body.
func (a *asker) ask(c testhub.Caller, method, path string, body any, headers ...string) testhub.Answer {
	a.Helper()
	got := a.h.Do(c, method, path, body, headers...)
	var head bytes.Buffer
	_ = got.Header.Write(&head)
	a.n++
	a.v.report(a.T, fmt.Sprintf("the answer %d of %s %.60s", got.Status, method, path), append(head.Bytes(), got.Body...))
	return got
}

// gives is ask for an answer whose purpose is to tell a secret.
func (a *asker) gives(c testhub.Caller, method, path string, body any, headers ...string) testhub.Answer {
	a.Helper()
	got := a.h.Do(c, method, path, body, headers...)
	if got.Status >= 400 {
		a.Fatalf("%s %s: %d %s", method, path, got.Status, got.Body)
	}
	return got
}

// logged is what the hub has said.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.b.Bytes())
}

// TestSearchFinds: a search that finds nothing proves nothing unless it would have.
func TestSearchFinds(t *testing.T) {
	v := &vault{kinds: map[string]string{}}
	secret := v.plant(t, "password", "p-0123456789abcdef&=/")
	for what, text := range map[string]string{
		"plain": "path=/x error=" + secret + " end", "in an address": "GET /?x=" + url.QueryEscape(secret), "at the end": "x" + secret,
		"in base 64": base64.StdEncoding.EncodeToString([]byte(secret)), "Basic": "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+secret)),
	} {
		if found := v.search([]byte(text)); len(found) != 1 || !strings.HasPrefix(found[0], "password") {
			t.Errorf("%s: %q", what, found)
		}
	}
	if found := v.search([]byte(secret[:len(secret)-1])); len(found) != 0 {
		t.Errorf("found what is not there: %q", found)
	}
}
