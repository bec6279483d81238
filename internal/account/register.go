package account

import (
	"context"
	"errors"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/mail"
	"github.com/cairnhub/cairn/internal/site"
)

// Registration is what somebody gives who makes an account.
type Registration struct {
	Name     string
	Email    string
	Fullname string
	Password string
	Invite   string // the code of an invitation
}

// field is the member of an error's detail that names what of a form it is about.
const field = "field"

func inField(err error, name string) error {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal {
		return e.With(field, name)
	}
	return err
}

// Registered is an account just made.
type Registered struct {
	User *User
	// Confirm says that nobody signs in before the address has proven itself: a link is on its way to it.
	Confirm bool
}

// Admission says how somebody may register: the hub's setting, and whether an address is needed.
type Admission struct {
	Registration site.Registration
	EmailNeeded  bool
}

// Open reports whether everybody may register.
func (a Admission) Open() bool { return a.Registration == site.Open }

// Closed reports whether nobody may.
func (a Admission) Closed() bool { return a.Registration == site.Closed }

// Admission is how the hub takes new users now.
func (s *Service) Admission(ctx context.Context) (Admission, error) {
	v, err := s.settings(ctx)
	return Admission{v.Registration, s.delivers() && v.VerifyEmail}, errs.Wrap("account.Admission", err)
}

func (s *Service) settings(ctx context.Context) (site.Settings, error) {
	if s.o.Site == nil {
		return site.Default(), nil
	}
	return s.o.Site.Get(ctx)
}

// Register makes an account for who asks for one. The answer is the same whether the address is known here or not; who
// reads it learns it from the letter.
func (s *Service) Register(ctx context.Context, n Registration, c Client) (*Registered, error) {
	if err := s.tries.admit(ctx, throttleKey("register", c.Addr), registerLimit, ""); err != nil {
		return nil, err
	}
	how, err := s.Admission(ctx)
	if err != nil {
		return nil, err
	}
	inv, err := s.admitted(ctx, how, n)
	if err != nil {
		return nil, err
	}
	n.Email = strings.TrimSpace(n.Email)
	row, err := s.prepareRegistration(ctx, strangerTurn(c.Addr), n, how)
	if err != nil {
		return nil, err
	}
	proven := inv != nil && inv.Email != "" && s.delivers()
	if proven {
		row.Email, row.EmailVerified = n.Email, true
	}
	row.Awaits = how.EmailNeeded && !proven
	err = s.write(ctx, func(tx *db.Tx) error { return s.enrol(ctx, tx, row, n, inv) })
	if err != nil {
		return nil, errs.Wrap("account.Register", err)
	}
	return &Registered{User: row.user(), Confirm: row.Awaits}, nil
}

// admitted looks at the hub's setting and the invitation before anything costs work.
func (s *Service) admitted(ctx context.Context, how Admission, n Registration) (*Invite, error) {
	if how.Registration == site.Closed {
		return nil, errs.New(errs.Forbidden, "This hub takes no registrations: ask its administrators for an account")
	}
	if n.Invite == "" {
		if how.Registration != site.Open {
			return nil, errs.New(errs.Forbidden, "This hub takes new users by invitation: ask its administrators for one")
		}
		return nil, nil
	}
	inv, err := s.FindInvite(ctx, n.Invite)
	if err != nil {
		return nil, err
	}
	if inv.Email != "" && !strings.EqualFold(strings.TrimSpace(n.Email), inv.Email) {
		return nil, errs.New(errs.Invalid, "This invitation is for the address that it was sent to").With(field, "email")
	}
	return inv, nil
}

// prepareRegistration checks what was given and hashes the password. The row has no address: that one counts later.
func (s *Service) prepareRegistration(ctx context.Context, t turn, n Registration, how Admission) (userRow, error) {
	switch {
	case n.Email == "" && how.EmailNeeded:
		return userRow{}, errs.New(errs.Invalid, "Give an e-mail address: it has to be confirmed before the account can be used").With(field, "email")
	case n.Email != "":
		if err := mail.CheckAddress(n.Email); err != nil {
			return userRow{}, inField(err, "email")
		}
	}
	if n.Password == "" {
		return userRow{}, errs.New(errs.Invalid, "Choose a password").With(field, "password")
	}
	if err := CheckName(n.Name, false); err != nil {
		return userRow{}, inField(err, "username")
	}
	if free, err := s.nameFree(ctx, n.Name); err != nil || !free {
		if err == nil {
			err = inField(nameTaken(n.Name), "username")
		}
		return userRow{}, err
	}
	if err := checkNewPassword(n.Password, n.Name, n.Email); err != nil {
		return userRow{}, inField(err, "password")
	}
	return s.prepare(ctx, t, NewUser{Name: n.Name, Fullname: n.Fullname, Password: n.Password})
}

// nameFree spares the work of a hash for a name that is taken; claiming it decides.
func (s *Service) nameFree(ctx context.Context, name string) (bool, error) {
	var n int64
	err := s.db.Get(ctx, &n, countName, nameKey(name), s.now().UnixMicro())
	return n == 0, errs.Wrap("account.nameFree", err)
}

func nameTaken(name string) error {
	return errs.New(errs.Conflict, "The name %q is already taken", name)
}

// enrol makes the account in one transaction: of those who ask for one name, or for the last use of an invitation, one wins.
func (s *Service) enrol(ctx context.Context, tx *db.Tx, row userRow, n Registration, inv *Invite) error {
	if inv != nil {
		if err := s.useInvite(ctx, tx, inv); err != nil {
			return err
		}
	}
	if err := s.insertUser(ctx, tx, row); err != nil {
		return err
	}
	if n.Email != "" && !row.EmailVerified {
		if err := s.awaitEmail(ctx, tx, row.ID, n.Email); err != nil {
			return err
		}
	}
	if inv == nil {
		return nil
	}
	return s.joinBy(ctx, tx, inv, row)
}
