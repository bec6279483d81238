package api

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/internal/testhub/program"
)

// crowd adds users to one organisation, and organisations to one user, by the thousand.
func crowd(t *testing.T, h *testhub.Hub, orgName, user string, members, orgs int) {
	t.Helper()
	ctx := t.Context()
	o, err := h.App.Orgs().Get(ctx, orgName)
	if err != nil {
		t.Fatal(err)
	}
	u, err := h.App.Accounts().Get(ctx, user)
	if err != nil {
		t.Fatal(err)
	}
	err = h.App.DB().Tx(ctx, func(tx *db.Tx) error {
		for _, s := range []struct {
			query string
			args  []any
		}{
			{`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				INSERT INTO users (id, name, created_at) SELECT 'aaaaaaaaaaaaaaaa' || (10000000 + i), 'crowd-' || i, i FROM n`, []any{members}},
			{`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				INSERT INTO org_member (org_id, user_id, role, created_at)
				SELECT CAST(? AS TEXT), 'aaaaaaaaaaaaaaaa' || (10000000 + i), CASE WHEN i % 100 = 0 THEN 'admin' ELSE 'read' END, i FROM n`, []any{members, o.ID}},
			{`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				INSERT INTO orgs (id, name, created_at) SELECT 'bbbbbbbbbbbbbbbb' || (10000000 + i), 'many-' || i, i FROM n`, []any{orgs}},
			{`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
				INSERT INTO org_member (org_id, user_id, role, created_at)
				SELECT 'bbbbbbbbbbbbbbbb' || (10000000 + i), CAST(? AS TEXT), 'read', i FROM n`, []any{orgs, u.ID}},
		} {
			if _, err := tx.Exec(ctx, s.query, s.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a request about an organisation costs in statements does not grow with its members, nor with the organisations of
// the caller.
func TestOrganizationCosts(t *testing.T) {
	program.Cost(t)
	each(t, func(t *testing.T, h *testhub.Hub) {
		ann, bob, cid := h.User("ann"), h.User("bob"), h.User("cid")
		h.Org("acme", ann, map[string]hub.Role{"bob": hub.RoleRead})
		ok[dict](t, "switch", patch(h, ann, "/api/organizations/acme/settings", dict{"joinRequests": true}))
		ok[dict](t, "request", post(h, cid, "/api/organizations/acme/join-requests", nil))
		ok[dict](t, "invite", post(h, ann, "/api/organizations/acme/invitations", dict{"role": "read", "user": "cid"}))
		role := hub.RoleRead
		asks := []struct {
			what string
			ask  func() testhub.Answer
		}{
			{"whoami", func() testhub.Answer { return get(h, bob, "/api/whoami-v2") }},
			{"members", func() testhub.Answer { return get(h, bob, "/api/organizations/acme/members?limit=20") }},
			{"members for nobody", func() testhub.Answer { return get(h, nobody, "/api/organizations/acme/members") }},
			{"search", func() testhub.Answer { return get(h, ann, "/api/organizations/acme/members?search=crowd-99") }},
			{"admins", func() testhub.Answer { return get(h, ann, "/api/organizations/acme/members?role=admin") }},
			{"settings", func() testhub.Answer { return get(h, ann, "/api/organizations/acme/settings") }},
			{"overview", func() testhub.Answer { return get(h, bob, "/api/organizations/acme/overview") }},
			{"invitations", func() testhub.Answer { return get(h, ann, "/api/organizations/acme/invitations") }},
			{"my invitations", func() testhub.Answer { return get(h, cid, "/api/user/invitations") }},
			{"requests", func() testhub.Answer { return get(h, ann, "/api/organizations/acme/join-requests") }},
			{"role", func() testhub.Answer {
				role = map[hub.Role]hub.Role{hub.RoleRead: hub.RoleWrite, hub.RoleWrite: hub.RoleRead}[role]
				return h.Do(ann, http.MethodPut, "/api/organizations/acme/members/bob/role", dict{"role": role})
			}},
		}
		cost := func(wanted []uint64) (costs []uint64) {
			for i, a := range asks {
				var least uint64
				// What runs in the background counts as well, now and then, and what it commits ends what caches know.
				for try := 0; try < 3 || wanted != nil && least > wanted[i] && try < 50; try++ {
					before := h.App.DB().Statements()
					if got := a.ask(); got.Status != http.StatusOK {
						t.Fatalf("%s: %d %s", a.what, got.Status, got.Body)
					}
					if n := h.App.DB().Statements() - before; least == 0 || n < least {
						least = n
					}
				}
				costs = append(costs, least)
			}
			return costs
		}
		few := cost(nil)
		crowd(t, h, "acme", "bob", 10_000, 1000)
		many := cost(few)
		for i, a := range asks {
			if few[i] != many[i] {
				t.Errorf("%s: %d statements with few members, %d with many", a.what, few[i], many[i])
			}
		}
		t.Logf("statements: %s", fmt.Sprint(many))
	})
}
