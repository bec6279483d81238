package policy

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/testhub"
)

// tokenCarriers are the ways by which a token comes.
var tokenCarriers = map[string]func(c testhub.Caller) string{
	"bearer":             func(c testhub.Caller) string { return "bearer " + c.Token },
	"basic, as password": func(c testhub.Caller) string { return basicAuth("anybody", c.Token) },
	"basic, as user":     func(c testhub.Caller) string { return basicAuth(c.Token, "") },
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// asksOnly reports whether a probe of the route changes nothing, so that it may be sent again and again.
func asksOnly(rt httpd.Route, p probe) bool {
	if rt.ID == contract.Unserved || rt.Right == authz.Signed || rt.Right == authz.XetRead || rt.Right == authz.XetWrite {
		return false
	}
	return rt.Method == http.MethodGet || slices.Contains([]string{"lfsBatch", "gitUploadPack", "preupload", "pathsInfo", "lfsVerifyLocks"}, rt.ID)
}

// TestS12CarriersDecideAlike: a token of any scope may the same by each carrier, on every route of every door that can
// be asked without changing anything; in an address it is refused. What SSH decides is held to HTTP by
// TestAccessMatrixSSH, what sessions may by TestAccessMatrix.
func TestS12CarriersDecideAlike(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, testhub.New(t), "models")
	m.further()
	cells, differ, inAddress := 0, 0, 0
	for _, rt := range m.h.Server.Routes() {
		for _, p := range probesOf(rt) {
			if !asksOnly(rt, p) {
				continue
			}
			about := []string{noRepo}
			if a := p.about(rt); len(a) == len(states) {
				about = []string{public, private, gatedState}
			} else if len(a) > 1 {
				about = []string{ofUser, ofOrg}
			}
			for _, state := range about {
				for _, caller := range []string{"owner", "ownerread", "fine-own-read", "fine-org-write", "barred", "revoked", "disabled"} {
					target, as := m.target("models", caller, state, rt, p, 0)
					want := outcome(m.send(rt, p, target, as))
					for name, authorization := range tokenCarriers {
						by := p
						by.headers = append(slices.Clone(p.headers), "Authorization", authorization(m.who[caller]))
						cells++
						if got := outcome(m.send(rt, by, target, testhub.Caller{})); got != want {
							differ++
							t.Errorf("%s %s (%s) as %s on %s: %c by %s, %c by Bearer", rt.Method, rt.Path, rt.ID, caller, state, got, name, want)
						}
					}
				}
			}
			target, _ := m.target("models", "owner", about[0], rt, p, 0)
			by := p
			by.query = strings.TrimPrefix(p.query+"&access_token="+m.who["owner"].Token, "&")
			inAddress++
			if a := m.send(rt, by, target, m.who["owner"]); a.Status != http.StatusBadRequest || strings.Contains(string(a.Body), m.who["owner"].Token) {
				t.Errorf("%s %s (%s): a token in the address: %d %.200s", rt.Method, rt.Path, rt.ID, a.Status, a.Body)
			}
		}
	}
	t.Logf("%d decisions by other carriers, %d differ; %d routes asked with a token in the address", cells, differ, inAddress)
}

// TestS12NoTokenMintsAStrongerOne: what opens less than all of its user's makes no token and no key, changes no password
// and agrees to no application.
func TestS12NoTokenMintsAStrongerOne(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, testhub.New(t), "models")
	weak, minted := m.further(), 0
	weak = append(slices.DeleteFunc(weak, func(name string) bool { return name == "session" }), "ownerread", "revoked", "disabled", "anonymous")
	for _, rt := range m.h.Server.Routes() {
		if rt.Right != authz.Account {
			continue
		}
		for _, p := range probesOf(rt) {
			for _, caller := range weak {
				target, as := m.target("models", caller, noRepo, rt, p, 0)
				a := m.send(rt, p, target, as)
				if a.Status != http.StatusForbidden && a.Status != http.StatusUnauthorized {
					minted++
					t.Errorf("%s %s (%s) as %s: %d %.200s", rt.Method, rt.Path, rt.ID, caller, a.Status, a.Body)
				}
			}
		}
	}
	for _, id := range []string{"createToken", "rotateToken", "addKey", "addGpgKey", "changePassword", "decideDevice"} {
		if i := slices.IndexFunc(m.h.Server.Routes(), func(rt httpd.Route) bool { return rt.ID == id }); i < 0 || m.h.Server.Routes()[i].Right != authz.Account {
			t.Errorf("%s is no matter of the account", id)
		}
	}
	t.Logf("%d weak proofs, %d minted", len(weak), minted)
}
