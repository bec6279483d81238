package hub

import "slices"

// Permission is what a fine-grained token may do with an entity, in the Hub's words.
type Permission string

// The permissions. Those on repositories count for one repository or for all of a user or an organisation.
const (
	PermRepoRead        Permission = "repo.content.read" // read private and gated repositories
	PermRepoAccess      Permission = "repo.access.read"  // see who asks for access to gated repositories
	PermRepoWrite       Permission = "repo.write"        // read and write content and settings; on an owner: create too
	PermDiscussionWrite Permission = "discussion.write"  // take part in discussions and pull requests
	PermOrgRead         Permission = "org.read"          // read the settings and members of the organisation
	PermOrgWrite        Permission = "org.write"         // change them
)

// RepoPermissions may be given on a repository, a user or an organisation.
var RepoPermissions = []Permission{PermRepoRead, PermRepoAccess, PermRepoWrite, PermDiscussionWrite}

// OrgPermissions may be given on an organisation alone.
var OrgPermissions = []Permission{PermOrgRead, PermOrgWrite}

// GlobalPermissions may be given without an entity.
var GlobalPermissions = []Permission{PermDiscussionWrite, "post.write"}

// The types of entities that are no repositories; those that are have their repository's type.
const (
	EntityUser = "user"
	EntityOrg  = "org"
)

// Scopes bound what a fine-grained token may do, whatever its user may: the token may what both may. They never change.
type Scopes struct {
	Scoped     []Scope      `json:"scoped"`
	Global     []Permission `json:"global,omitempty"`
	GatedRepos bool         `json:"gatedRepos,omitempty"` // read the content of public gated repositories that the user may read
}

// Scope is what is permitted on one entity. It is named by its id, so it neither follows a name to another owner nor
// loses an entity that is renamed.
type Scope struct {
	Type        string       `json:"type"` // EntityUser, EntityOrg or a RepoType
	ID          string       `json:"id"`
	Permissions []Permission `json:"permissions"`
}

// Has reports whether one of the permissions is given on one of the entities.
func (s *Scopes) Has(ids []string, permissions ...Permission) bool {
	for _, sc := range s.Scoped {
		if slices.Contains(ids, sc.ID) && slices.ContainsFunc(permissions, func(p Permission) bool { return slices.Contains(sc.Permissions, p) }) {
			return true
		}
	}
	return false
}

// IDSet is a set of row ids that never changes.
type IDSet struct{ ids []string }

// NewIDSet makes a set; of no ids it is nil, which is the empty set.
func NewIDSet(ids ...string) *IDSet {
	if len(ids) == 0 {
		return nil
	}
	return &IDSet{slices.Clone(ids)}
}

// Has reports whether the set has the id.
func (s *IDSet) Has(id string) bool { return s != nil && slices.Contains(s.ids, id) }
