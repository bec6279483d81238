package conformance

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/testhub"
)

// TestDocuments is the walk: one story on one hub, in which every operation is asked for as its documents say.
func TestDocuments(t *testing.T) {
	testhub.Each(t, func(t *testing.T, h *testhub.Hub) {
		w := newWorld(t, h)
		for _, c := range story {
			w.play(c)
		}
		w.finish()
	})
}

// TestNoOperationIsLeftOut holds the selection to the account that Cairn keeps of all operations of the documents.
func TestNoOperationIsLeftOut(t *testing.T) {
	have := map[string]bool{}
	for _, o := range operations(t) {
		if have[o.String()] {
			t.Errorf("%s stands twice", o)
		}
		have[o.String()] = true
	}
	all, err := contract.HubOperations()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, o := range all {
		ours := slices.Contains([]string{"auth", "users", "orgs", "tokens", "oauth"}, o.Tag) || slices.Contains(o.In, "settings")
		if !ours || strings.Contains(o.Path, "/billing/") {
			continue
		}
		if n++; !have[o.Method+" "+o.Path] {
			t.Errorf("%s %s is not walked", o.Method, o.Path)
		}
	}
	if n < 40 {
		t.Errorf("only %d operations are known", n)
	}
}

// world is the hub of the story and what is found about it.
type world struct {
	*testing.T
	h      *testhub.Hub
	ops    map[string]*operation
	people map[string]testhub.Caller
	told   map[string]string // what a later step needs of an earlier answer
	seen   map[string]int    // steps by operation
	asked  map[string]bool   // operation and parameter
	checks int
	wrong  int
}

// Errorf counts what is wrong.
func (w *world) Errorf(format string, args ...any) {
	w.Helper()
	w.wrong++
	w.T.Errorf(format, args...)
}

func newWorld(t *testing.T, h *testhub.Hub) *world {
	w := &world{T: t, h: h, ops: map[string]*operation{}, people: map[string]testhub.Caller{}, told: map[string]string{}, seen: map[string]int{}, asked: map[string]bool{}}
	for _, o := range operations(t) {
		w.ops[o.String()] = o
	}
	w.settle()
	return w
}

// fill puts what was told earlier in the place of its name in braces.
func (w *world) fill(s string) string {
	for name, value := range w.told {
		s = strings.ReplaceAll(s, "{"+name+"}", value)
	}
	return s
}

// play sends a step's request and holds the answer to the documents.
func (w *world) play(c step) {
	w.Helper()
	o := w.ops[c.op]
	if o == nil {
		w.Errorf("%s is in no document", c.op)
		return
	}
	w.seen[c.op]++
	if pending[c.op] || refused[c.op] {
		w.unserved(o)
		return
	}
	if c.before != nil {
		c.before(w)
	}
	path := w.fill(c.path)
	if !o.leadsTo(path) {
		w.Errorf("%s: %s does not lead there", c.op, path)
	}
	u, err := url.Parse(path)
	if err != nil {
		w.Fatal(err)
	}
	for name := range u.Query() {
		w.asked[c.op+" "+name] = true
	}
	body := c.body
	if f, ok := body.(func(*world) any); ok {
		body = f(w)
	}
	if c.example {
		body = o.Settings.Request
	}
	w.request(o, c, body)
	if v, ok := body.(object); ok && len(c.headers) == 0 {
		body = json.RawMessage(marshal(w.T, v))
	}
	a := w.h.Do(w.people[c.as], o.Method, path, body, c.headers...)
	w.answer(o, c, a)
}

// request holds a JSON body to the documents, too: what is sent is what they describe.
func (w *world) request(o *operation, c step, body any) {
	v, ok := body.(object)
	if !ok || c.status >= 400 {
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(marshal(w.T, v)))
	if err != nil {
		w.Fatal(err)
	}
	var wrong []error
	schemas := 0
	for _, d := range []*described{o.First, o.Second} {
		if d != nil && d.Request != nil {
			schemas++
			if err := validate(d.Request, value); err != nil {
				wrong = append(wrong, err)
			}
		}
	}
	if schemas > 0 && len(wrong) == schemas {
		w.Errorf("%s: the request is not as described: %v", o, wrong)
	}
}

func (w *world) answer(o *operation, c step, a testhub.Answer) {
	w.Helper()
	what := o.String()
	if c.what != "" {
		what += ", " + c.what
	}
	want := c.status
	if want == 0 {
		want = http.StatusOK
	}
	if c.anyStatus && a.Status < 400 {
		want = a.Status
	}
	if a.Status != want {
		w.Errorf("%s: %d %.500s, want %d", what, a.Status, a.Body, want)
		return
	}
	if want < 400 {
		if s := o.statuses(); len(s) > 0 && !c.image && want < 300 && !slices.Contains(s, strconv.Itoa(a.Status)) {
			w.Errorf("%s: the documents know the answers %v, not %d", what, s, a.Status)
		}
		if c.image {
			w.image(what, a)
		} else if want < 300 {
			wrong, n := o.violations(strconv.Itoa(a.Status), a.Body)
			w.checks += n
			for _, v := range wrong {
				w.Errorf("%s: %s\n%.2000s", what, v, a.Body)
			}
		}
	}
	if c.check != nil {
		w.checks++
		c.check(w, a)
	}
}

// image is an answer that is not JSON.
func (w *world) image(what string, a testhub.Answer) {
	w.checks++
	if a.Header.Get("Content-Type") != "image/jpeg" || !bytes.HasPrefix(a.Body, []byte("\xff\xd8\xff")) || a.Header.Get("Cache-Control") != "public, max-age=86400" {
		w.Errorf("%s: %v, %d bytes", what, a.Header, len(a.Body))
	}
}

// unserved holds an operation that is not served to saying so.
func (w *world) unserved(o *operation) {
	w.Helper()
	if w.seen[o.String()] > 1 {
		return
	}
	w.checks++
	served := false
	all, err := contract.HubOperations()
	if err != nil {
		w.Fatal(err)
	}
	for _, k := range all {
		if k.Method == o.Method && k.Path == o.Path {
			served = k.Status == contract.Done
		}
	}
	doors, err := contract.Operations()
	if err != nil {
		w.Fatal(err)
	}
	served = served || slices.ContainsFunc(doors, func(d contract.Op) bool { return d.Method == o.Method && d.Path == o.Path })
	if served {
		w.Errorf("%s is served and not held to its documents: take it off the list", o)
		return
	}
	path := strings.NewReplacer("{", "", "}", "").Replace(o.Path)
	a := w.h.Do(w.people["alice"], o.Method, path, nil)
	if refused[o.String()] && (a.Status != http.StatusNotImplemented || a.Header.Get("X-Error-Code") != "NotImplemented") {
		w.Errorf("%s: %d %.300s, want 501 with the reason", o, a.Status, a.Body)
	}
}

// finish counts, and names what nobody asked for.
func (w *world) finish() {
	w.Helper()
	skipped := 0
	for name, o := range w.ops {
		if w.seen[name] == 0 {
			w.Errorf("%s has no step", name)
		}
		if pending[name] {
			skipped++
			continue
		}
		if refused[name] || w.seen[name] == 0 {
			continue
		}
		for _, q := range o.query() {
			if !w.asked[name+" "+q] {
				w.Errorf("%s: nobody asked with %s", name, q)
			}
		}
	}
	w.Logf("%d operations, %d of them answer 501 with a reason; %d requests, %d checks, violations %d, skipped %d", len(w.ops), len(refused), steps(w.seen), w.checks, w.wrong, skipped)
}

func steps(seen map[string]int) (n int) {
	for _, k := range seen {
		n += k
	}
	return n
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
