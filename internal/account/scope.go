package account

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

const maxScoped = 100 // entities of one token

// checkScopes refuses what a fine-grained token cannot be for, and puts the permissions in order. That the entities
// exist, and that the user sees them, is the caller's to see.
func checkScopes(role hub.TokenRole, sc *hub.Scopes) error {
	if role != hub.TokenFineGrained {
		if sc != nil {
			return errs.New(errs.Invalid, "Only a token with the role fineGrained has permissions of its own")
		}
		return nil
	}
	if sc == nil || len(sc.Scoped) == 0 && len(sc.Global) == 0 && !sc.GatedRepos {
		return errs.New(errs.Invalid, "A fine-grained token needs at least one permission")
	}
	if len(sc.Scoped) > maxScoped {
		return errs.New(errs.Invalid, "A fine-grained token may name at most %d users, organizations and repositories", maxScoped)
	}
	if err := checkPermissions(sc.Global, hub.GlobalPermissions, "without an entity"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, s := range sc.Scoped {
		if seen[s.ID] {
			return errs.New(errs.Invalid, "A fine-grained token names each user, organization and repository once")
		}
		seen[s.ID] = true
		if err := checkScope(s); err != nil {
			return err
		}
	}
	return nil
}

func checkScope(s hub.Scope) error {
	may := hub.RepoPermissions
	if s.Type == hub.EntityOrg {
		may = slices.Concat(may, hub.OrgPermissions)
	}
	if s.Type != hub.EntityOrg && s.Type != hub.EntityUser && !slices.Contains(hub.RepoTypes, hub.RepoType(s.Type)) {
		return errs.New(errs.Invalid, "A permission is given on a user, an org, a model, a dataset or a space, not on %q", s.Type)
	}
	if len(s.Permissions) == 0 {
		return errs.New(errs.Invalid, "Say which permissions the token has on each %s", s.Type)
	}
	return checkPermissions(s.Permissions, may, "on a "+s.Type)
}

func checkPermissions(list, may []hub.Permission, where string) error {
	for i, p := range list {
		if !slices.Contains(may, p) {
			names := make([]string, len(may))
			for j, m := range may {
				names[j] = string(m)
			}
			return errs.New(errs.Invalid, "There is no permission %q %s; there are %s", p, where, strings.Join(names, ", "))
		}
		if slices.Contains(list[:i], p) {
			return errs.New(errs.Invalid, "The permission %q is given twice", p)
		}
	}
	return nil
}

// encodeScopes is how scopes lie in their column.
func encodeScopes(sc *hub.Scopes) string {
	if sc == nil {
		return ""
	}
	b, _ := json.Marshal(sc) // strings and a boolean
	return string(b)
}

// decodeScopes reads a token's scopes. A fine-grained token whose scopes cannot be read is for nothing.
func decodeScopes(role, column string) *hub.Scopes {
	if hub.TokenRole(role) != hub.TokenFineGrained {
		return nil
	}
	sc := &hub.Scopes{}
	if json.Unmarshal([]byte(column), sc) != nil {
		return &hub.Scopes{}
	}
	return sc
}
