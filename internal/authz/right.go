package authz

import "github.com/cairnhub/cairn/internal/hub"

// Right is what a route demands of its caller; it is a field of the route.
type Right string

// The rights of routes that name no repository. On a repository they also demand that the caller sees it.
const (
	Public    Right = "public"     // everybody
	SignedIn  Right = "signed-in"  // any user, by any proof
	Write     Right = "write"      // any user, by a proof that allows changes to all that is theirs
	WriteBody Right = "write-body" // any user, by a proof that allows changes: the rights on what the body names are checked behind the route
	SiteRead  Right = "site-read"  // administrators of the hub, read tokens included
	SiteAdmin Right = "site-admin" // administrators of the hub
)

// Account is the right over one's own account: its password, addresses, sessions and proofs. A proof must not make one
// stronger than itself, so it takes a session, or a token with the role write that opens all that its user may.
const Account Right = "account"

// The rights on a user or an organisation.
const (
	OwnerRead         Right = "owner-read"          // what is public of them: everybody
	OwnerFollow       Right = "owner-follow"        // any user, by a proof that allows changes
	OwnerMember       Right = "owner-member"        // the user; who has a role in the organisation, but no_access
	OwnerSettingsRead Right = "owner-settings-read" // the user; the organisation's admins; read tokens included
	OwnerAdmin        Right = "owner-admin"         // the same people, by a proof that allows changes
)

// The rights on a repository.
const (
	RepoRead     Right = "repo-read"     // metadata: info, tree, refs, history
	RepoLike     Right = "repo-like"     // who sees it, by a proof that allows changes
	RepoContent  Right = "repo-content"  // bytes of files: as RepoRead, and past the gate
	RepoWrite    Right = "repo-write"    // commits, branches, tags
	RepoSettings Right = "repo-settings" // visibility, gating, features
	RepoAdmin    Right = "repo-admin"    // delete, move
	RepoKeyAdd   Right = "repo-key-add"  // as RepoSettings, by a proof that opens the account too: a key is good for longer than any other
)

// The rights that the request proves by itself; its handler checks the proof.
const (
	XetRead  Right = "xet-read"  // a CAS token
	XetWrite Right = "xet-write" // a CAS token with the write scope
	Signed   Right = "signed"    // a signed URL
)

// Rights are all of them, for tests that go through all.
var Rights = []Right{
	Public, SignedIn, Write, WriteBody, Account, SiteRead, SiteAdmin, OwnerRead, OwnerFollow, OwnerMember, OwnerSettingsRead, OwnerAdmin,
	RepoRead, RepoLike, RepoContent, RepoWrite, RepoSettings, RepoAdmin, RepoKeyAdd, XetRead, XetWrite, Signed,
}

// Subject is what a decision needs to know of a repository.
type Subject struct {
	RepoID     string
	OwnerID    string // user or organisation
	CreatedBy  string // user id
	Visibility hub.Visibility
	Gated      string // empty, auto or manual
	Disabled   bool
}
