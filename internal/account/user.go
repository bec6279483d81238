package account

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/mail"
)

const (
	maxEmail    = 254
	maxFullname = 128
	usersOnPage = 100
	maxUsers    = 1000
	maxReason   = 1000
)

// User is a person's account.
type User struct {
	ID            string
	Name          string
	Fullname      string
	Email         string
	EmailVerified bool
	Awaits        bool // registered, and cannot be used before the address has proven itself
	SiteAdmin     bool
	HasPassword   bool
	DisabledAt    time.Time // zero: enabled
	CreatedAt     time.Time
}

// NewUser is what Create needs. Without a password the user signs in by token only.
type NewUser struct {
	Name          string
	Email         string
	Fullname      string
	Password      string
	SiteAdmin     bool
	SkipNameCheck bool
}

type userRow struct {
	ID            string
	Name          string
	Fullname      string
	Email         string
	EmailVerified bool   `db:"email_verified"`
	Awaits        bool   `db:"awaits_email"`
	PasswordHash  string `db:"password_hash"`
	SiteAdmin     bool   `db:"site_admin"`
	DisabledAt    *int64 `db:"disabled_at"`
	CreatedAt     int64  `db:"created_at"`
}

func (r userRow) user() *User {
	return &User{
		ID: r.ID, Name: r.Name, Fullname: r.Fullname, Email: r.Email, EmailVerified: r.EmailVerified, Awaits: r.Awaits,
		SiteAdmin: r.SiteAdmin, HasPassword: r.PasswordHash != "",
		DisabledAt: fromMicros(r.DisabledAt), CreatedAt: fromMicros(&r.CreatedAt),
	}
}

// Create makes a user and claims the name.
func (s *Service) Create(ctx context.Context, n NewUser) (*User, error) {
	row, err := s.prepare(ctx, turn{}, n)
	if err != nil {
		return nil, err
	}
	if err := s.write(ctx, func(tx *db.Tx) error { return s.insertUser(ctx, tx, row) }); err != nil {
		return nil, errs.Wrap("account.Create", err)
	}
	return row.user(), nil
}

// prepare checks a new user and hashes the password, which takes too long for a transaction.
func (s *Service) prepare(ctx context.Context, t turn, n NewUser) (userRow, error) {
	n.Email, n.Fullname = strings.TrimSpace(n.Email), strings.TrimSpace(n.Fullname)
	if err := CheckName(n.Name, n.SkipNameCheck); err != nil {
		return userRow{}, err
	}
	if err := checkEmail(n.Email); err != nil {
		return userRow{}, err
	}
	if utf8.RuneCountInString(n.Fullname) > maxFullname || !utf8.ValidString(n.Fullname) || strings.ContainsFunc(n.Fullname, isControl) {
		return userRow{}, errs.New(errs.Invalid, "The full name must have at most %d characters and no control characters", maxFullname)
	}
	hash := ""
	if n.Password != "" {
		var err error
		if hash, err = s.hashPassword(ctx, t, n.Password, n.Name, n.Email); err != nil {
			return userRow{}, err
		}
	}
	return userRow{
		ID: hub.NewID(), Name: n.Name, Fullname: n.Fullname, Email: n.Email, PasswordHash: hash,
		SiteAdmin: n.SiteAdmin, CreatedAt: s.now().UnixMicro(),
	}, nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	return mail.CheckAddress(email)
}

func (s *Service) insertUser(ctx context.Context, tx *db.Tx, r userRow) error {
	if err := ClaimName(ctx, tx, r.Name, KindUser, r.ID); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, insertUser, r.ID, r.Name, r.Fullname, r.Email, r.EmailVerified, r.Awaits, r.PasswordHash, r.SiteAdmin, r.CreatedAt)
	if err == nil && n == 0 {
		return errs.New(errs.Conflict, "Another user has the e-mail address %q", r.Email)
	}
	if err != nil {
		return err
	}
	if err := SetFullnameWords(ctx, tx, KindUser, r.ID, r.Fullname); err != nil {
		return err
	}
	data := userEvent(r)
	data["siteAdmin"] = r.SiteAdmin
	return s.note(ctx, tx, "user.create", r.ID, data)
}

// Get finds a user by name, compared without case.
func (s *Service) Get(ctx context.Context, name string) (*User, error) {
	return s.one(ctx, getUserByName, nameKey(name))
}

// GetByID finds a user by id.
func (s *Service) GetByID(ctx context.Context, id string) (*User, error) {
	return s.one(ctx, getUserByID, id)
}

func (s *Service) one(ctx context.Context, query, key string) (*User, error) {
	row, err := findUser(ctx, s.db, query, key)
	if err != nil {
		return nil, errs.Wrap("account.Get", err)
	}
	return row.user(), nil
}

func findUser(ctx context.Context, q db.Queryer, query, key string) (userRow, error) {
	var row userRow
	if !db.IsText(key) {
		return row, errs.New(errs.NotFound, "User not found")
	}
	err := q.Get(ctx, &row, query, key)
	if db.IsNoRows(err) {
		return row, errs.New(errs.NotFound, "User not found")
	}
	return row, err
}

// List is a page of the users in order of their names, with the cursor of the next page, empty at the end.
func (s *Service) List(ctx context.Context, p hub.Page) ([]*User, string, error) {
	p = p.Clamp(usersOnPage, maxUsers)
	var rows []userRow
	if err := s.db.Select(ctx, &rows, listUsers, p.Cursor, p.Limit+1); err != nil {
		return nil, "", errs.Wrap("account.List", err)
	}
	next := ""
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		next = nameKey(rows[p.Limit-1].Name)
	}
	users := make([]*User, len(rows))
	for i, r := range rows {
		users[i] = r.user()
	}
	return users, next, nil
}

// Disable stops a user from doing anything, at once; what they own stays.
func (s *Service) Disable(ctx context.Context, id string) error { return s.DisableFor(ctx, id, "") }

// DisableFor is Disable with a reason for who reads the log.
func (s *Service) DisableFor(ctx context.Context, id, reason string) error {
	if len(reason) > maxReason || !db.IsText(reason) {
		return errs.New(errs.Invalid, "A reason may have at most %d bytes", maxReason)
	}
	return errs.Wrap("account.Disable", s.write(ctx, func(tx *db.Tx) error {
		if err := keepLastAdmin(ctx, tx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, deleteSessionsOf, id); err != nil {
			return err
		}
		row, err := findUser(ctx, tx, getUserByID, id)
		if err != nil {
			return err
		}
		if row.DisabledAt != nil {
			return nil
		}
		if _, err := tx.Exec(ctx, disableUser, s.now().UnixMicro(), id); err != nil {
			return err
		}
		data := userEvent(row)
		if reason != "" {
			data["reason"] = reason
		}
		return s.note(ctx, tx, "user.disable", id, data)
	}))
}

// Enable ends Disable.
func (s *Service) Enable(ctx context.Context, id string) error {
	return errs.Wrap("account.Enable", s.write(ctx, func(tx *db.Tx) error {
		if row, err := findUser(ctx, tx, getUserByID, id); err != nil || row.DisabledAt == nil {
			return err
		}
		return s.changeUser(ctx, tx, "user.enable", id, enableUser, id)
	}))
}

// SetPassword changes the password, or takes it away when empty, for an administrator. All sessions end, and the user is
// told.
func (s *Service) SetPassword(ctx context.Context, id, password string) error {
	hash := ""
	if password != "" {
		var err error
		if hash, err = s.hashPassword(ctx, turn{}, password); err != nil {
			return err
		}
	}
	return errs.Wrap("account.SetPassword", s.write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, deleteSessionsOf, id); err != nil {
			return err
		}
		if err := endLinks(ctx, tx, id); err != nil {
			return err
		}
		if err := s.changeUser(ctx, tx, "user.password", id, setPassword, hash, id); err != nil {
			return err
		}
		user, err := findUser(ctx, tx, getUserByID, id)
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, user.Email, "Your password was changed", "An administrator has changed the password of your account "+user.Name+
			", and its sessions have ended.")
	}))
}

// Delete removes a user with all tokens and sessions. The name stays held for 90 days.
func (s *Service) Delete(ctx context.Context, id string) error {
	if len(s.o.BeforeDelete) == 0 {
		return &errs.Error{Kind: errs.Internal, Op: "account.Delete", Msg: "Options.BeforeDelete is not set"}
	}
	return errs.Wrap("account.Delete", s.write(ctx, func(tx *db.Tx) error {
		row, err := findUser(ctx, tx, getUserByID, id)
		if err != nil {
			return err
		}
		if err := keepLastAdmin(ctx, tx, id); err != nil {
			return err
		}
		for _, check := range s.o.BeforeDelete {
			if err := check(ctx, tx, id); err != nil {
				return err
			}
		}
		if err := ReleaseName(ctx, tx, row.Name, id); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, row.Email, "Your account was deleted", "Your account "+row.Name+" was deleted."); err != nil {
			return err
		}
		return s.changeUser(ctx, tx, "user.delete", id, deleteUser, id)
	}))
}

// changeUser runs one statement on a user, and notes it.
func (s *Service) changeUser(ctx context.Context, tx *db.Tx, kind, id, query string, args ...any) error {
	row, err := findUser(ctx, tx, getUserByID, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, query, args...); err != nil {
		return err
	}
	return s.note(ctx, tx, kind, id, userEvent(row))
}

// keepLastAdmin refuses to lose the last enabled site administrator.
func keepLastAdmin(ctx context.Context, tx *db.Tx, id string) error {
	var admins []string
	if err := tx.Select(ctx, &admins, enabledAdmins); err != nil {
		return err
	}
	if len(admins) == 1 && admins[0] == id {
		return errs.New(errs.Conflict, "This is the last administrator of the hub: make another user administrator first")
	}
	return nil
}
