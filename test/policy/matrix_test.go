package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// TestAccessMatrix asks every route of the table, as everybody, about a repository in every state.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, testhub.New(t), "models")
	m.run(slices.Concat(callers, m.further()), func(httpd.Route) bool { return true })
}

// TestAccessMatrixScaled is a sample of it on PostgreSQL and S3.
func TestAccessMatrixScaled(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, testhub.NewScaled(t), "datasets")
	m.further()
	seen := map[string]bool{}
	m.run([]string{"anonymous", "stranger", "reader", "owner", "ownerread", "siteadmin", "revoked", "fine-own-read", "fine-org-write", "barred", "oauth-siteadmin"}, func(rt httpd.Route) bool {
		first := !seen[rt.ID] && rt.ID != contract.Unserved
		seen[rt.ID] = true
		return first
	})
}

type matrix struct {
	t       *testing.T
	h       *testhub.Hub
	plural  string
	who     map[string]testhub.Caller
	fresh   int
	cells   int
	success map[string]bool
}

// org tells whose repositories a caller asks for.
func org(caller string) bool {
	return furtherCallers[caller].org || slices.Contains([]string{"reader", "contributor", "writer", "orgadmin"}, caller)
}

// members are those of acme beside its admin.
var members = map[string]hub.Role{"reader": hub.RoleRead, "contributor": hub.RoleContributor, "writer": hub.RoleWrite}

func newMatrix(t *testing.T, h *testhub.Hub, plural string) *matrix {
	m := &matrix{t: t, h: h, plural: plural, who: map[string]testhub.Caller{"siteadmin": h.Admin}, success: map[string]bool{}}
	m.who["anonymous"] = testhub.Caller{Name: "anonymous"}
	for _, name := range []string{"stranger", "reader", "contributor", "writer", "orgadmin", "revoked", "disabled"} {
		m.who[name] = h.User(name)
	}
	owner := h.User("olga")
	m.who["owner"] = owner
	m.who["ownerread"] = testhub.Caller{Name: "olga", Token: h.Token(m.userID("olga"), hub.TokenRead)}
	h.Org("acme", m.who["orgadmin"], members)

	ctx := t.Context()
	tokens, err := h.App.Accounts().Tokens(ctx, m.userID("revoked"))
	for _, token := range tokens {
		if err == nil {
			err = h.App.Accounts().RevokeToken(ctx, m.userID("revoked"), token.ID)
		}
	}
	if err == nil {
		err = h.App.Accounts().Disable(ctx, m.userID("disabled"))
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range hub.RepoTypes {
		for _, ns := range []string{"olga", "acme"} {
			for _, state := range states {
				m.create(typ.Plural(), ns, state, state)
			}
		}
	}
	return m
}

func (m *matrix) userID(name string) string {
	u, err := m.h.App.Accounts().Get(m.t.Context(), name)
	if err != nil {
		m.t.Fatal(err)
	}
	return u.ID
}

// create makes a repository of a state that is then asked for by name.
func (m *matrix) create(plural, ns, state, name string) {
	typ, _ := hub.ParseRepoType(plural)
	by := m.admin(ns)
	id := ns + "/" + name
	switch state {
	case absent:
	case moved, movedHidden:
		m.h.CreateRepo(by, typ, id, state == movedHidden)
		m.h.JSON(by, http.MethodPost, "/api/repos/move", map[string]any{"fromRepo": id, "toRepo": ns + "/now-" + name, "type": typ}, nil)
	default:
		m.h.CreateRepo(by, typ, id, state == private)
		if state == gatedState && typ != hub.Space {
			m.h.JSON(by, http.MethodPut, "/api/"+plural+"/"+id+"/settings", map[string]any{"gated": "auto"}, nil)
		}
	}
}

// admin is who owns a namespace.
func (m *matrix) admin(ns string) testhub.Caller {
	if ns == "acme" {
		return m.who["orgadmin"]
	}
	return m.who["owner"]
}

// must prepares a repository as its owner.
func (m *matrix) must(method string, t target, suffix string, body any) {
	name := t.name
	if strings.HasPrefix(name, "x-"+moved) { // also x-moved-private
		name = "now-" + name
	}
	m.h.JSON(m.admin(t.namespace), method, "/api/"+t.plural+"/"+t.namespace+"/"+name+suffix, body, nil)
}

func (m *matrix) run(who []string, want func(httpd.Route) bool) {
	before := m.fingerprints()
	for _, rt := range m.h.Server.Routes() {
		if want(rt) {
			m.route(rt, who)
		}
	}
	if after := m.fingerprints(); !maps.Equal(before, after) {
		for id := range before {
			if before[id] != after[id] {
				m.t.Errorf("a refused request changed %s:\n%s\n%s", id, before[id], after[id])
			}
		}
	}
	m.t.Logf("%d cells", m.cells)
}

// checkProbes says what a route lacks to be asked.
func checkProbes(t *testing.T, rt httpd.Route, ps []probe) (complete bool) {
	t.Helper()
	name := fmt.Sprintf("%s %s (%s)", rt.Method, rt.Path, rt.ID)
	complete = true
	lacks := func(what string) {
		t.Errorf("%s %s", name, what)
		complete = false
	}
	if ps == nil {
		lacks("has no row in the access matrix: add a request to probes")
	}
	if _, ok := pathOf(rt, target{}); !ok {
		lacks("has a parameter that parameters does not fill in")
	}
	for _, p := range ps {
		for _, state := range p.about(rt) {
			if len(p.rowsOf(rt)[state]) != len(callers) {
				lacks(fmt.Sprintf("has no line of the table for the right %s and the state %s", rt.Right, state))
			}
		}
	}
	return complete
}

func (m *matrix) route(rt httpd.Route, who []string) {
	ps := probesOf(rt)
	if !checkProbes(m.t, rt, ps) {
		return
	}
	for i, p := range ps {
		m.probe(fmt.Sprintf("%s %s (%s/%d)", rt.Method, rt.Path, rt.ID, i), rt, p, p.rowsOf(rt), p.about(rt), who)
		provable := rt.Right != authz.Signed && rt.Right != authz.XetRead && rt.Right != authz.XetWrite
		if provable && !p.refused && !m.success[fmt.Sprint(rt.ID, i)] {
			m.t.Errorf("%s %s (%s): nobody succeeded, so the request in probes is not plausible", rt.Method, rt.Path, rt.ID)
		}
	}
}

func (m *matrix) probe(name string, rt httpd.Route, p probe, rows row, about, who []string) {
	plural := m.plural
	for _, typ := range []string{"datasets", "spaces"} {
		if strings.HasPrefix(rt.Path, "/"+typ+"/{") || strings.HasPrefix(rt.Path, "/api/"+typ+"/{") {
			plural = typ
		}
	}
	if strings.HasPrefix(rt.Path, "/{namespace}") || strings.HasPrefix(rt.Path, "/api/models/{") {
		plural = "models"
	}
	for _, caller := range who {
		if rt.ID == contract.Unserved && !slices.Contains([]string{"anonymous", "stranger", "owner", "revoked"}, caller) {
			continue
		}
		wants, answers := map[string]rune{}, map[string]testhub.Answer{}
		for _, state := range about {
			want, asked := expected(rt, p, rows, caller, state, plural)
			if !asked {
				continue
			}
			t, as := m.target(plural, caller, state, rt, p, want)
			a := m.send(rt, p, t, as)
			m.cells++
			wants[state], answers[state] = want, a
			if got := outcome(a); got != want && !(want == byOtherProof && strings.ContainsRune("SFI", got)) {
				m.t.Errorf("%s as %s on %s: %c instead of %c (%d %s %q)", name, caller, state, got, want, a.Status, a.Header.Get("X-Error-Code"), a.Header.Get("X-Error-Message"))
			}
			if a.Status < 400 {
				i := strings.TrimSuffix(name[strings.LastIndex(name, "/")+1:], ")")
				m.success[rt.ID+i] = true
			}
			m.checkRedirect(name, t, a)
		}
		m.alike(name, caller, wants, answers)
	}
}

// expected is how a caller is answered; not asked: there is no such cell.
func expected(rt httpd.Route, p probe, rows row, caller, state, plural string) (want rune, asked bool) {
	if by, ok := furtherCallers[caller]; ok {
		return by.expected(rt, p, rows, state, plural)
	}
	col := slices.Index(callers, caller)
	switch {
	case (state == ofUser || state == ofSelf) && rt.OwnerParam() == "name", state == ofOrg && rt.OwnerParam() == "username" && !rt.EitherOwner:
		state = ofNobody // a user is no organisation, nor the other way round
	case state == gatedState && plural == "spaces":
		state = public // Spaces are not gated
	}
	want = rune(rows[state][col])
	if want == redirected && rt.NoMove {
		if want = rune(rows[public][col]); state == movedHidden {
			want = rune(rows[private][col])
		}
	}
	return want, true
}

// alike: what a caller may not see answers byte for byte as what is not there.
func (m *matrix) alike(name, caller string, wants map[string]rune, answers map[string]testhub.Answer) {
	want, ok := answers[absent]
	if !ok {
		return
	}
	for _, state := range []string{private, movedHidden} {
		if wants[state] != wants[absent] {
			continue
		}
		if got := answers[state]; flat(got) != flat(want) {
			m.t.Errorf("%s as %s: %s and absent can be told apart:\n%s\n%s", name, caller, state, flat(got), flat(want))
		}
	}
}

// flat is a whole answer but for what differs from request to request anyway.
func flat(a testhub.Answer) string {
	h := a.Header.Clone()
	h.Del("X-Request-Id")
	h.Del("Date")
	var b bytes.Buffer
	_ = h.Write(&b)
	return fmt.Sprintf("%d\n%s\n%s", a.Status, b.String(), bytes.ReplaceAll(a.Body, []byte(a.Header.Get("X-Request-Id")), []byte("ID")))
}

// checkRedirect: an old name leads to the new one by a relative address on this hub.
func (m *matrix) checkRedirect(name string, t target, a testhub.Answer) {
	if a.Status != http.StatusTemporaryRedirect {
		return
	}
	if to := a.Header.Get("Location"); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || !strings.Contains(to, "/"+t.namespace+"/now-"+t.name) {
		m.t.Errorf("%s: redirect to %q", name, to)
	}
}

// target names the repository, user or organisation of a cell: the shared one of its state, or one of its own when the
// request may change it; and says who asks.
func (m *matrix) target(plural, caller, state string, rt httpd.Route, p probe, want rune) (target, testhub.Caller) {
	m.fresh++
	if slices.Contains(owners, state) {
		return m.ownerTarget(caller, state, rt, p, want)
	}
	t := target{plural: plural, namespace: "olga", name: state, caller: m.who[caller].Name, fresh: fmt.Sprintf("f-%d", m.fresh)}
	if org(caller) {
		t.namespace = "acme"
	}
	if state == noRepo && want == admitted && p.prepare != nil {
		p.prepare(m, t)
	}
	reads := rt.Method == http.MethodGet || rt.Method == http.MethodHead || rt.ID == contract.Unserved
	if state == noRepo || state == absent || want != admitted || reads {
		return t, m.who[caller]
	}
	t.name = fmt.Sprintf("x-%s-%d", state, m.fresh)
	m.create(plural, t.namespace, state, t.name)
	if p.prepare != nil {
		p.prepare(m, t)
	}
	return t, m.who[caller]
}

// ownerTarget is target for a right on a user or an organisation. Who changes their own account is somebody new.
func (m *matrix) ownerTarget(caller, state string, rt httpd.Route, p probe, want rune) (target, testhub.Caller) {
	as := m.who[caller]
	t := target{plural: m.plural, caller: as.Name, fresh: fmt.Sprintf("f-%d", m.fresh)}
	t.namespace = map[string]string{ofSelf: as.Name, ofUser: "olga", ofOrg: "acme", ofNobody: "nobody-here"}[state]
	if want != admitted || rt.Method == http.MethodGet || rt.Method == http.MethodHead {
		return t, as
	}
	t.namespace = fmt.Sprintf("%s-%d", state, m.fresh)
	if state == ofOrg {
		m.h.Org(t.namespace, m.who["orgadmin"], members)
		if by := furtherCallers[caller]; by.on != nil { // its token is for acme
			as = m.fine(by.user, by.on(t.namespace))
		}
	} else {
		fresh := m.h.Member(t.namespace, caller == "siteadmin" && state == ofSelf)
		if caller != "siteadmin" || state == ofSelf {
			as = fresh
		}
	}
	if p.prepare != nil {
		p.prepare(m, t)
	}
	return t, as
}

func (m *matrix) send(rt httpd.Route, p probe, t target, as testhub.Caller) testhub.Answer {
	path, _ := pathOf(rt, t)
	if p.query != "" {
		path += "?" + p.query
	}
	var body any
	if p.body != nil {
		body = p.body(t)
	}
	return m.h.Do(as, rt.Method, path, body, p.headers...)
}

func outcome(a testhub.Answer) rune {
	code, msg := a.Header.Get("X-Error-Code"), a.Header.Get("X-Error-Message")
	switch {
	case a.Status == http.StatusTemporaryRedirect:
		return redirected
	case a.Status == http.StatusUnauthorized && msg == "Invalid credentials in Authorization header":
		return badToken
	case a.Status == http.StatusUnauthorized:
		return refusal(code, hiddenAnon, gatedAnon, signIn)
	case a.Status == http.StatusForbidden:
		return refusal(code, '?', gated, forbidden)
	case a.Status == http.StatusNotFound && code == "RepoNotFound":
		return hidden
	case a.Status == http.StatusNotFound && (msg == "Organization not found" || strings.HasPrefix(msg, "There is no user ")):
		return noOwner
	case a.Status >= 500 && a.Status != http.StatusNotImplemented:
		return 'E'
	}
	return admitted
}

func refusal(code string, repo, gate, other rune) rune {
	switch code {
	case "RepoNotFound":
		return repo
	case "GatedRepo":
		return gate
	}
	return other
}

// fingerprints are what the shared repositories are: no request that was refused may change them.
func (m *matrix) fingerprints() map[string]string {
	out := map[string]string{}
	for _, typ := range hub.RepoTypes {
		for _, ns := range []string{"olga", "acme"} {
			for _, state := range states {
				id := "/api/" + typ.Plural() + "/" + ns + "/" + state
				if state == moved || state == movedHidden {
					id = "/api/" + typ.Plural() + "/" + ns + "/now-" + state
				}
				info := m.h.Do(m.h.Admin, http.MethodGet, id, nil)
				refs := m.h.Do(m.h.Admin, http.MethodGet, id+"/refs", nil)
				var doc map[string]any
				_ = json.Unmarshal(info.Body, &doc)
				for _, counted := range []string{"downloads", "trendingScore", "downloadsAllTime"} {
					delete(doc, counted)
				}
				out[id] = fmt.Sprint(info.Status, doc, string(refs.Body))
			}
		}
	}
	return out
}
