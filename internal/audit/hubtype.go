package audit

import (
	"slices"
	"sort"
)

// hubTypes are the Hub's names for kinds of events, where it has one: those that stand in both versions of its schema, so
// that who validates an export by either is content. Commits, locks, keys and sign-ins have none.
var hubTypes = map[string]string{
	"org.create":            "org.create",
	"org.delete":            "org.delete",
	"org.rename":            "org.rename",
	"org.profile":           "org.update_settings",
	"org.avatar":            "org.update_settings",
	"org.invitation.create": "org.invite_user",
	"org.settings":          "org.update_settings",
	"org.member.add":        "org.add_user",
	"org.member.role":       "org.change_role",
	"org.member.remove":     "org.remove_user",
	"org.member.leave":      "org.leave",
	"org.token.revoke":      "org.token_approval.authorization_request.revoked",
	"repo.create":           "repo.create",
	"repo.delete":           "repo.delete",
	"repo.disable":          "repo.disable",
	"repo.enable":           "repo.removeDisable",
	"repo.duplicate":        "repo.duplication",
	"repo.move":             "repo.move",
	"repo.settings":         "repo.update_settings",
	"repo.large.delete":     "repo.delete_lfs_file",
	"oauth.token":           "oauth.token",
}

// hubTypeOf is the Hub's name for an event; empty: it has none. The Hub tells ways of inviting and joining apart.
func hubTypeOf(kind string, members map[string]any) string {
	if email, _ := members["email"].(string); kind == "org.invitation.create" && email != "" {
		return inviteByMail
	}
	if members["invitation"] != nil && kind == "org.member.add" {
		return inviteAccepted
	}
	return hubTypes[kind]
}

const (
	inviteByMail   = "org.invite.email"
	inviteAccepted = "org.invite.accept"
)

// hubKinds are the kinds that the Hub has a type for.
func hubKinds() []string {
	kinds := make([]string, 0, len(hubTypes))
	for k := range hubTypes {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	return kinds
}

// kindsOf are the kinds that may have a type: one of the Hub's, or of our own.
func kindsOf(typ string) []string {
	kinds := []string{typ}
	switch typ {
	case inviteByMail:
		kinds = append(kinds, "org.invitation.create")
	case inviteAccepted:
		kinds = append(kinds, "org.member.add")
	}
	for k, t := range hubTypes {
		if t == typ && k != typ {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	return kinds
}
