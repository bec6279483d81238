package account

import (
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

func TestSearchUsers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx, yes, no := t.Context(), true, false
		mustCreate(t, s, NewUser{Name: "chief", SiteAdmin: true})
		mustCreate(t, s, NewUser{Name: "Ann", Fullname: "Ann Percent 100%"})
		mustCreate(t, s, NewUser{Name: "bob", Email: "Bob@Example.org"})
		carol := mustCreate(t, s, NewUser{Name: "carol"})
		noError(t, s.DisableFor(ctx, carol.ID, "left"))
		for _, c := range []struct {
			q    UserQuery
			want string
		}{
			{UserQuery{}, "Ann bob carol chief"},
			{UserQuery{Search: "AN"}, "Ann"},
			{UserQuery{Search: "example.ORG"}, "bob"},
			{UserQuery{Search: "100%"}, "Ann"},
			{UserQuery{Search: "a_n"}, ""},
			{UserQuery{SiteAdmin: &yes}, "chief"},
			{UserQuery{SiteAdmin: &no, Disabled: &no}, "Ann bob"},
			{UserQuery{Disabled: &yes, Search: "car"}, "carol"},
		} {
			var got []string
			c.q.Page = hub.Page{Limit: 2}
			for {
				page, next, err := s.Search(ctx, c.q)
				noError(t, err)
				for _, u := range page {
					got = append(got, u.Name)
				}
				if c.q.Page.Cursor = next; next == "" {
					break
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%+v: %s, want %s", c.q, got, c.want)
			}
		}
		_, _, err := s.Search(ctx, UserQuery{Search: strings.Repeat("a", maxUserSearch+1)})
		wantKind(t, err, errs.Invalid)
	})
}

func TestEditKeepsTheLastAdminAndAddressesApart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx, yes, no := t.Context(), true, false
		chief := mustCreate(t, s, NewUser{Name: "chief", SiteAdmin: true})
		ann := mustCreate(t, s, NewUser{Name: "ann", Email: "ann@example.org"})
		mustCreate(t, s, NewUser{Name: "bob", Email: "bob@example.org"})
		_, err := s.Edit(ctx, chief.ID, UserChange{SiteAdmin: &no})
		wantKind(t, err, errs.Conflict)
		taken, bad, fresh := "BOB@example.org", "no address", "new@example.org"
		_, err = s.Edit(ctx, ann.ID, UserChange{Email: &taken})
		wantKind(t, err, errs.Conflict)
		_, err = s.Edit(ctx, ann.ID, UserChange{Email: &bad})
		wantKind(t, err, errs.Invalid)
		got, err := s.Edit(ctx, ann.ID, UserChange{EmailVerified: &yes, SiteAdmin: &yes})
		noError(t, err)
		if !got.EmailVerified || !got.SiteAdmin {
			t.Errorf("edited: %+v", got)
		}
		got, err = s.Edit(ctx, ann.ID, UserChange{Email: &fresh})
		noError(t, err)
		if got.Email != fresh || got.EmailVerified {
			t.Errorf("a new address counts as proven: %+v", got)
		}
		_, err = s.Edit(ctx, chief.ID, UserChange{SiteAdmin: &no})
		noError(t, err)
		_, err = s.Edit(ctx, chief.ID, UserChange{SiteAdmin: &no}) // nothing to change: no event
		noError(t, err)
		var n int
		noError(t, d.Get(ctx, &n, `SELECT COUNT(*) FROM event WHERE kind = 'user.edit'`))
		if n != 3 {
			t.Errorf("%d events, want 3", n)
		}
	})
}
