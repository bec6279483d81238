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
	"org.settings":          "org.update_settings",
	"org.member.add":        "org.add_user",
	"org.member.role":       "org.change_role",
	"org.member.remove":     "org.remove_user",
	"org.member.leave":      "org.leave",
	"org.invitation.create": "org.invite_user",
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

// hubKinds are the kinds that the Hub has a type for.
func hubKinds() []string {
	kinds := make([]string, 0, len(hubTypes))
	for k := range hubTypes {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	return kinds
}

// kindsOf are the kinds that a type names: the Hub's, or one of our own.
func kindsOf(typ string) []string {
	kinds := []string{typ}
	for k, t := range hubTypes {
		if t == typ && k != typ {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	return kinds
}
