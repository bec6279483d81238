package policy

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/testhub"
)

// The table and the published contract say the same: every route stands in the contract under its id, and every
// operation of the contract, aliases included, has a route.
func TestRoutesMatchContract(t *testing.T) {
	var ops []contract.Op
	for _, rt := range testhub.New(t).Server.Routes() {
		ops = append(ops, contract.Op{ID: rt.ID, Method: rt.Method, Path: rt.Path})
	}
	for _, err := range contract.Check(ops) {
		t.Error(err)
	}
}

func TestRoutesAreComplete(t *testing.T) {
	h := testhub.New(t)
	for _, rt := range h.Server.Routes() {
		name := rt.Method + " " + rt.Path
		switch {
		case rt.ID == "":
			t.Errorf("%s has no id", name)
		case !slices.Contains(authz.Rights, rt.Right):
			t.Errorf("%s (%s): %q is no right", name, rt.ID, rt.Right)
		case !slices.Contains([]httpd.Policy{httpd.PolicyAPI, httpd.PolicyResolvers, httpd.PolicyPages, httpd.PolicyNone}, rt.Policy):
			t.Errorf("%s (%s): %q is no policy", name, rt.ID, rt.Policy)
		}
		repoRight := strings.HasPrefix(string(rt.Right), "repo-")
		if repoRight != strings.Contains(rt.Path, "{repo}") && rt.ID != contract.Unserved {
			t.Errorf("%s (%s): the right %s and the path disagree on whether there is a repository", name, rt.ID, rt.Right)
		}
		if ownerRight := strings.HasPrefix(string(rt.Right), "owner-"); ownerRight != (rt.OwnerParam() != "") && rt.ID != contract.Unserved {
			t.Errorf("%s (%s): the right %s and the path disagree on whether there is a user or an organisation", name, rt.ID, rt.Right)
		}
		if rt.ID == contract.Unserved && rt.Right != authz.Public {
			t.Errorf("%s: what is not served answers everybody alike", name)
		}
	}
}

// Every route has a request in the access matrix and a line there for each caller. The matrix itself takes a minute; this
// does not send anything.
func TestRoutesHaveProbes(t *testing.T) {
	for _, rt := range testhub.New(t).Server.Routes() {
		checkProbes(t, rt, probesOf(rt))
	}
}

var parameter = regexp.MustCompile(`\{([A-Za-z0-9]+)\}`)

// What is not built says so: 501 with its code and a reason, for everybody, and never changes anything.
func TestUnservedAnswer501(t *testing.T) {
	h := testhub.New(t)
	seen := 0
	for _, rt := range h.Server.Routes() {
		if rt.ID != contract.Unserved || strings.Contains(rt.Path, "{repo}") {
			continue // those below a repository are in the matrix
		}
		seen++
		path := parameter.ReplaceAllString(strings.Replace(rt.Path, "{repoType}", "models", 1), "1")
		a := h.Do(h.Admin, rt.Method, path, nil)
		if a.Status != http.StatusNotImplemented || a.Header.Get("X-Error-Code") != "NotImplemented" || len(a.Header.Get("X-Error-Message")) < 20 {
			t.Errorf("%s %s: %d %q %q", rt.Method, rt.Path, a.Status, a.Header.Get("X-Error-Code"), a.Header.Get("X-Error-Message"))
		}
	}
	if seen == 0 {
		t.Error("no unserved routes at all?")
	}
}
