package hub

import (
	"strconv"
	"time"
)

// Role is what a member may do in an organisation; roles are ordered.
type Role string

// The roles, from none to all.
const (
	RoleNone        Role = "no_access"
	RoleRead        Role = "read"        // read private repositories
	RoleContributor Role = "contributor" // create repositories and write to one's own
	RoleWrite       Role = "write"       // write to all repositories
	RoleAdmin       Role = "admin"       // settings, members, deletion
)

var roleRank = map[Role]int{RoleNone: 0, RoleRead: 1, RoleContributor: 2, RoleWrite: 3, RoleAdmin: 4}

// AtLeast reports whether r grants all that other grants.
func (r Role) AtLeast(other Role) bool { return roleRank[r] >= roleRank[other] }

// ParseRole reads a role's name.
func ParseRole(s string) (Role, bool) {
	r := Role(s)
	_, ok := roleRank[r]
	return r, ok
}

// TokenRole bounds what an access token may do, whatever its user may.
type TokenRole string

// The token roles.
const (
	TokenRead        TokenRole = "read"
	TokenWrite       TokenRole = "write"
	TokenFineGrained TokenRole = "fineGrained" // what its Scopes say
)

// Proof is the kind of what a caller has shown.
type Proof string

// The kinds of proof.
const (
	ProofSession Proof = ""      // a session of the pages
	ProofToken   Proof = "token" // an access token that its user made
	ProofKey     Proof = "key"   // an SSH key or certificate
	ProofOAuth   Proof = "oauth" // a token that an application was given
)

// Actor is who makes a request, whatever door it came through and whatever carried the proof.
// The zero value is the anonymous caller.
type Actor struct {
	UserID    string
	Name      string
	SiteAdmin bool
	Proof     Proof
	TokenID   string    // what proved it, see account.Present; empty for a session
	TokenName string    // display name of the token or key
	Token     TokenRole // empty for a session, which may do all that its user may

	// Ends is when the token expires; zero: never. It makes no proof that is good for longer.
	Ends time.Time
	// Rotations is how many values the token had before the one that was shown.
	Rotations int64
	// Scopes are what a fine-grained token is for; nil: the proof is none. Only authz reads them.
	Scopes *Scopes
	// Barred are the organisations that have ended the token's access to them. Only authz reads them.
	Barred *IDSet

	// RepoID is the row id of the only repository that the proof is good for; empty: all that the user may.
	RepoID string
	// Deploy says that a repository's own key made the request. There is no user behind it: UserID is the key's id, and
	// what it may in RepoID is for Token to say.
	Deploy bool
}

// ProofID names what proved the actor for what outlives the request, such as a Xet token: account.Present takes it. It
// changes when the token gets a new value, so that what the old one was good for ends with it.
func (a Actor) ProofID() string {
	if a.Rotations == 0 {
		return a.TokenID
	}
	return a.TokenID + "." + strconv.FormatInt(a.Rotations, 10)
}

// Anonymous reports whether nobody is signed in.
func (a Actor) Anonymous() bool { return a.UserID == "" }

// MayWrite reports whether the carrier of the proof allows changes at all.
func (a Actor) MayWrite() bool { return !a.Anonymous() && a.Token != TokenRead }
