package site

import (
	"slices"

	"github.com/cairnhub/cairn/internal/errs"
)

// Registration says who may make an account by themselves. Administrators always can.
type Registration string

// The ways of registration.
const (
	Open   Registration = "open"   // everybody
	Invite Registration = "invite" // who has an invitation
	Closed Registration = "closed" // nobody
)

// Settings are what the hub's administrators have chosen.
type Settings struct {
	Registration Registration `json:"registration"`
	// VerifyEmail has who registers prove the e-mail address before the account can be used. It counts only where the
	// hub sends e-mail.
	VerifyEmail bool `json:"verifyEmail"`
	// CreateOrgs lets every user create organisations; otherwise administrators of the hub do.
	CreateOrgs bool `json:"createOrgs"`
	// UserQuota and OrgQuota are for those who have no quota of their own.
	UserQuota Quota `json:"userQuota"`
	OrgQuota  Quota `json:"orgQuota"`
	// RepoQuota is for repositories that have none of their own: bytes, nil for no limit.
	RepoQuota *int64 `json:"repoQuota"`
}

// Quota bounds what an owner stores, in bytes by visibility. nil: no limit.
type Quota struct {
	Private *int64 `json:"private"`
	Public  *int64 `json:"public"`
}

// Default is a hub that nobody has set up: strangers need an invitation.
func Default() Settings { return Settings{Registration: Invite, VerifyEmail: true, CreateOrgs: true} }

const maxQuota = int64(1) << 60

// Check says what is wrong with settings.
func (s Settings) Check() error {
	if !slices.Contains([]Registration{Open, Invite, Closed}, s.Registration) {
		return errs.New(errs.Invalid, "registration must be open, invite or closed, not %q", s.Registration)
	}
	for name, n := range map[string]*int64{"userQuota.private": s.UserQuota.Private, "userQuota.public": s.UserQuota.Public,
		"orgQuota.private": s.OrgQuota.Private, "orgQuota.public": s.OrgQuota.Public, "repoQuota": s.RepoQuota} {
		if n != nil && (*n < 0 || *n > maxQuota) {
			return errs.New(errs.Invalid, "%s must be from 0 to %d bytes, or null for no limit", name, maxQuota)
		}
	}
	return nil
}
