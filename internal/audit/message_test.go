package audit

import (
	"slices"
	"testing"
)

func TestMessages(t *testing.T) {
	for _, c := range []struct {
		kind    string
		members map[string]any
		repo    string
		want    string
	}{
		{"repo.create", map[string]any{"type": "dataset", "name": "acme/squad"}, "", "Created dataset acme/squad"},
		{"repo.commit", map[string]any{"ref": "refs/heads/main"}, "acme/m", "Committed to refs/heads/main of acme/m"},
		{"repo.settings", map[string]any{"private": true, "gated": "auto"}, "acme/m", "Changed settings of acme/m: gated, private"},
		{"org.member.role", map[string]any{"name": "bob", "from": "read", "role": "write"}, "", "Changed the role of bob from read to write"},
		{"org.member.role", nil, "", "Changed the role of ? from ? to ?"},
		{"kind.of.tomorrow", map[string]any{"name": "x"}, "", "kind.of.tomorrow x"},
		{"org.invitation.create", map[string]any{"name": nil, "email": "a@example.org", "role": "read"}, "", "Invited a@example.org as read"},
		{"kind.of.tomorrow", nil, "", "kind.of.tomorrow"},
		{"repo.lock", map[string]any{"path": "{name}", "name": "evil"}, "a/b", "Locked {name} in evil"},
	} {
		if got := message(c.kind, c.members, c.repo); got != c.want {
			t.Errorf("%s: %q, want %q", c.kind, got, c.want)
		}
	}
}

// The Hub's schema knows these types; any other would make an export invalid.
func TestTypesAreTheHubs(t *testing.T) {
	known := []string{
		"org.add_user", "org.change_role", "org.create", "org.delete", "org.invite_user", "org.invite.accept", "org.invite.email",
		"org.leave", "org.remove_user", "org.rename", "org.update_settings", "org.token_approval.authorization_request.revoked",
		"repo.create", "repo.delete", "repo.disable", "repo.removeDisable", "repo.duplication", "repo.move", "repo.update_settings",
		"repo.delete_lfs_file", "oauth.token",
	}
	for _, kind := range hubKinds() {
		for _, members := range []map[string]any{nil, {"email": "a@example.org", "invitation": "1"}} {
			typ := hubTypeOf(kind, members)
			if !slices.Contains(known, typ) {
				t.Errorf("%s: %q is no type of the Hub", kind, typ)
			}
			if !slices.Contains(kindsOf(typ), kind) {
				t.Errorf("a search for %s does not find %s", typ, kind)
			}
		}
	}
}
