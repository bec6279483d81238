package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// What administrators of the hub do to users. Who calls it has checked that they are.

// UserQuery picks users; what is empty picks all.
type UserQuery struct {
	Search    string // must be in the name, the full name or the address, whatever its case
	SiteAdmin *bool
	Disabled  *bool
	Page      hub.Page
}

const maxUserSearch = 200 // bytes

// Search is a page of the users that q picks in order of their names, with the cursor of the next page.
func (s *Service) Search(ctx context.Context, q UserQuery) ([]*User, string, error) {
	if len(q.Search) > maxUserSearch || !db.IsText(q.Search+q.Page.Cursor) {
		return nil, "", errs.New(errs.Invalid, "A search for users may have at most %d bytes", maxUserSearch)
	}
	p := q.Page.Clamp(usersOnPage, maxUsers)
	text, args := fragSearchUsers, []any{p.Cursor}
	if q.Search != "" {
		like := db.Containing(strings.ToLower(q.Search))
		text, args = text+fragUserLike, append(args, like, like, like)
	}
	if q.SiteAdmin != nil {
		text, args = text+fragUserAdmin, append(args, *q.SiteAdmin)
	}
	if q.Disabled != nil {
		text, args = text+fragUserDisabled, append(args, *q.Disabled)
	}
	var rows []userRow
	if err := s.db.Select(ctx, &rows, text+fragUserOrder, append(args, p.Limit+1)...); err != nil {
		return nil, "", errs.Wrap("account.Search", err)
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

// UserChange is what is to be different; nil stays.
type UserChange struct {
	Fullname      *string
	Email         *string
	EmailVerified *bool
	SiteAdmin     *bool
}

// Edit changes a user. The last administrator of the hub stays one.
func (s *Service) Edit(ctx context.Context, id string, c UserChange) (*User, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var row userRow
	err := s.write(ctx, func(tx *db.Tx) (err error) {
		if row, err = findUser(ctx, tx, getUserByID, id); err != nil {
			return err
		}
		if c.SiteAdmin != nil && !*c.SiteAdmin {
			if err := keepLastAdmin(ctx, tx, id); err != nil {
				return err
			}
		}
		data, before := userEvent(row), row.Email
		if !c.apply(&row, data) {
			return nil
		}
		if c.Email != nil && row.Email != "" {
			var holder userRow
			err := tx.Get(ctx, &holder, getUserByEmail, strings.ToLower(row.Email))
			if err == nil && holder.ID != id {
				return errs.New(errs.Conflict, "Another user has the e-mail address %q", row.Email)
			}
			if err != nil && !db.IsNoRows(err) {
				return err
			}
		}
		if row.Email != before {
			if err := endLinks(ctx, tx, id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, editUser, row.Fullname, row.Email, row.EmailVerified, row.SiteAdmin, id); err != nil {
			return err
		}
		return s.note(ctx, tx, "user.edit", id, data)
	})
	if err != nil {
		return nil, errs.Wrap("account.Edit", err)
	}
	return row.user(), nil
}

func (c *UserChange) check() error {
	if c.Fullname != nil {
		name := strings.TrimSpace(*c.Fullname)
		if c.Fullname = &name; !db.IsText(name) || utf8.RuneCountInString(name) > maxFullname || strings.ContainsFunc(name, isControl) {
			return errs.New(errs.Invalid, "The full name must have at most %d characters and no control characters", maxFullname)
		}
	}
	if c.Email != nil {
		email := strings.TrimSpace(*c.Email)
		c.Email = &email
		return checkEmail(email)
	}
	return nil
}

// apply writes the change into a row and, of each member that differs, into the event; it reports whether one does. The
// values of names and addresses stay out of the event, which is kept for good.
func (c UserChange) apply(r *userRow, data map[string]any) bool {
	n := len(data)
	if c.Fullname != nil && *c.Fullname != r.Fullname {
		r.Fullname, data["fullname"] = *c.Fullname, true
	}
	if c.Email != nil && *c.Email != r.Email {
		r.Email, r.EmailVerified, data["email"] = *c.Email, false, true // a new address has proven nothing
	}
	if c.EmailVerified != nil && *c.EmailVerified != r.EmailVerified {
		r.EmailVerified, data["emailVerified"] = *c.EmailVerified, *c.EmailVerified
	}
	if c.SiteAdmin != nil && *c.SiteAdmin != r.SiteAdmin {
		r.SiteAdmin, data["siteAdmin"] = *c.SiteAdmin, *c.SiteAdmin
	}
	return len(data) > n
}
