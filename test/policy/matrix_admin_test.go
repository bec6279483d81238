package policy

import (
	"math/rand/v2"

	"github.com/cairnhub/cairn/internal/account"
)

// adminProbes are the probes of the routes for administrators of the hub.
var adminProbes = map[string][]probe{
	"adminCreateUser":       {{body: func(t target) any { return map[string]any{"name": t.fresh} }}},
	"adminGetUser":          {{prepare: freshUser}},
	"adminEditUser":         {{prepare: freshUser, body: object(map[string]any{"fullname": "Edited"})}},
	"adminDeleteUser":       {{prepare: freshUser}},
	"adminDisableUser":      {{prepare: freshUser, body: object(map[string]any{"reason": "left"})}},
	"adminEnableUser":       {{prepare: freshDisabled}},
	"adminListSessions":     {{prepare: freshUser}},
	"adminEndSession":       {{prepare: freshUser, refused: true}},
	"adminListTokens":       {{prepare: freshUser}},
	"adminRevokeToken":      {{prepare: freshUser}},
	"adminListKeys":         {{prepare: freshUser}},
	"adminDeleteKey":        {{prepare: freshUser, refused: true}},
	"adminDisableRepo":      {{prepare: freshRepo, body: freshName}},
	"adminEnableRepo":       {{prepare: freshShut, body: freshName}},
	"adminSetRepoQuota":     {{prepare: freshRepo, body: freshName}},
	"adminSetQuota":         {{body: object(map[string]any{"private": 1_000_000_000_000})}},
	"adminSetSettings":      {{body: func(target) any { return map[string]any{"repoQuota": 1_000_000_000_000 + rand.Int64N(1_000_000_000)} }}},
	"adminResetPassword":    {{prepare: freshUser}},
	"adminInvite":           {{body: object(map[string]any{"maxUses": 3})}},
	"adminRevokeInvitation": {{refused: true}},
	"adminRetryJob":         {{refused: true}}, // there is none of that number
}

// freshUser is a user with one token, both called as the target's fresh name.
func freshUser(m *matrix, t target) {
	m.h.Member(t.fresh, false)
	_, _, err := m.h.App.Accounts().CreateToken(m.t.Context(), m.userID(t.fresh), account.NewToken{Name: t.fresh})
	if err != nil {
		m.t.Fatal(err)
	}
}

func freshDisabled(m *matrix, t target) {
	freshUser(m, t)
	if err := m.h.App.Accounts().Disable(m.t.Context(), m.userID(t.fresh)); err != nil {
		m.t.Fatal(err)
	}
}

func freshShut(m *matrix, t target) {
	freshRepo(m, t)
	m.h.JSON(m.h.Admin, "POST", "/api/admin/repos/disable", freshName(t), nil)
}

func freshRepo(m *matrix, t target) { m.create("models", "olga", public, t.fresh) }

func freshName(t target) any {
	return map[string]any{"name": "olga/" + t.fresh, "limit": 1_000_000_000_000}
}
