package org

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// world is a hub's people and organisations.
type world struct {
	*testing.T
	db       *db.DB
	orgs     *Service
	accounts *account.Service
	users    map[string]string // ids by name
}

func newWorld(t *testing.T, d *db.DB, names ...string) *world {
	t.Helper()
	w := &world{T: t, db: d, orgs: New(d), users: map[string]string{}}
	w.orgs.Attach(Hooks{BeforeDelete: []func(context.Context, db.Queryer, string) error{ownsNothing}})
	w.accounts = account.New(d, account.Options{Orgs: w.orgs.OrgsOf, BeforeDelete: []func(context.Context, db.Queryer, string) error{w.orgs.CheckUserDelete}})
	t.Cleanup(func() { _ = w.accounts.Close() })
	w.addUsers(names...)
	return w
}

func ownsNothing(context.Context, db.Queryer, string) error { return nil }

func (w *world) addUsers(names ...string) {
	w.Helper()
	for _, name := range names {
		u, err := w.accounts.Create(w.Context(), account.NewUser{Name: name, Email: name + "@example.com"})
		w.noError(err)
		w.users[name] = u.ID
	}
}

func (w *world) org(name, admin string) *Org {
	w.Helper()
	o, err := w.orgs.Create(w.Context(), NewOrg{Name: name, AdminID: w.users[admin]})
	w.noError(err)
	return o
}

func (w *world) noError(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) wantKind(err error, kind errs.Kind) {
	w.Helper()
	if !errs.Is(err, kind) {
		w.Fatalf("error %v, want kind %d", err, kind)
	}
}

// kinds are what has been noted since an event, in order.
func (w *world) kinds(orgID string) (kinds []string) {
	w.Helper()
	var rows []struct{ Kind string }
	w.noError(w.db.Select(w.Context(), &rows, `SELECT kind FROM event WHERE owner_id = ? ORDER BY id`, orgID))
	for _, r := range rows {
		kinds = append(kinds, r.Kind)
	}
	return kinds
}

func TestOrgLife(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob")
		ctx, s := t.Context(), w.orgs
		_, err := s.Create(ctx, NewOrg{Name: "ANN", AdminID: w.users["ann"]})
		w.wantKind(err, errs.Conflict) // one space of names with the users
		o, err := s.Create(ctx, NewOrg{Name: "Acme", Fullname: " Acme Inc. ", AdminID: w.users["ann"]})
		w.noError(err)
		got, err := s.Get(ctx, "aCME")
		w.noError(err)
		if *got != *o || got.Fullname != "Acme Inc." || got.CreateRole != hub.RoleContributor || !got.MembersPublic || got.ForcePrivate {
			t.Fatalf("Get = %+v", got)
		}
		owner, err := account.Namespace(ctx, d, "acme")
		w.noError(err)
		if owner != (account.Owner{ID: o.ID, Kind: account.KindOrg, Name: "Acme"}) {
			t.Fatalf("Namespace = %+v", owner)
		}
		role, err := s.RoleOf(ctx, o.ID, w.users["bob"])
		w.noError(err)
		if role != hub.RoleNone {
			t.Fatalf("a stranger has role %s", role)
		}
		w.wantKind(s.SetRole(ctx, o.ID, w.users["bob"], hub.RoleWrite), errs.NotFound)
		w.noError(s.AddMember(ctx, o.ID, w.users["bob"], hub.RoleContributor))
		w.wantKind(s.AddMember(ctx, o.ID, w.users["bob"], hub.RoleAdmin), errs.Conflict)
		w.wantKind(s.SetMember(ctx, o.ID, w.users["bob"], "boss"), errs.Invalid)
		w.wantKind(s.SetRole(ctx, o.ID, w.users["ann"], hub.RoleWrite), errs.Conflict)
		w.wantKind(s.Leave(ctx, o.ID, w.users["ann"]), errs.Conflict)
		w.wantKind(w.accounts.Delete(ctx, w.users["ann"]), errs.Conflict)

		id, err := w.accounts.Whoami(ctx, hub.Actor{UserID: w.users["bob"]})
		w.noError(err)
		if len(id.Orgs) != 1 || id.Orgs[0].Name != "Acme" || id.Orgs[0].Role != hub.RoleContributor {
			t.Fatalf("Whoami = %+v", id.Orgs)
		}
		w.noError(s.SetMember(ctx, o.ID, w.users["bob"], hub.RoleAdmin))
		w.noError(s.Leave(ctx, o.ID, w.users["ann"]))
		w.wantKind(s.RemoveMember(ctx, o.ID, w.users["ann"]), errs.NotFound)
		w.noError(w.accounts.Delete(ctx, w.users["ann"]))
		want := "[org.create org.member.add org.member.role org.member.leave]"
		if got := fmt.Sprint(w.kinds(o.ID)); got != want {
			t.Errorf("events %s, want %s", got, want)
		}
	})
}

// Setting the role that a member has is no change, and none is noted.
func TestEachChangeOfAMembershipIsOneEvent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob")
		ctx, s, o := t.Context(), w.orgs, w.org("acme", "ann")
		w.noError(s.SetMember(ctx, o.ID, w.users["bob"], hub.RoleRead))
		w.noError(s.SetMember(ctx, o.ID, w.users["bob"], hub.RoleRead))
		w.noError(s.SetMember(ctx, o.ID, w.users["bob"], hub.RoleWrite))
		w.noError(s.RemoveMember(ctx, o.ID, w.users["bob"]))
		if got, want := fmt.Sprint(w.kinds(o.ID)), "[org.create org.member.add org.member.role org.member.remove]"; got != want {
			t.Errorf("events %s, want %s", got, want)
		}
	})
}

func TestOrgSettings(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann")
		o := w.org("acme", "ann")
		name, yes, no, private, role := "Acme", true, false, hub.Private, hub.RoleWrite
		got, err := w.orgs.Change(t.Context(), o.ID, Change{Fullname: &name, DefaultVisibility: &private, ForcePrivate: &yes, CreateRole: &role, MembersPublic: &no, JoinRequests: &yes})
		w.noError(err)
		want := Settings{Fullname: "Acme", DefaultVisibility: hub.Private, ForcePrivate: true, CreateRole: hub.RoleWrite, JoinRequests: true}
		stored, err := w.orgs.Get(t.Context(), "acme")
		w.noError(err)
		if got.Settings != want || stored.Settings != want {
			t.Errorf("settings %+v, stored %+v", got.Settings, stored.Settings)
		}
		_, err = w.orgs.Change(t.Context(), o.ID, Change{Fullname: &name}) // nothing new: no event
		w.noError(err)
		wrong, odd := hub.Visibility("secret"), hub.RoleRead
		for _, c := range []Change{{DefaultVisibility: &wrong}, {CreateRole: &odd}} {
			_, err := w.orgs.Change(t.Context(), o.ID, c)
			w.wantKind(err, errs.Invalid)
		}
		if got := fmt.Sprint(w.kinds(o.ID)); got != "[org.create org.settings]" {
			t.Errorf("events %s", got)
		}
	})
}

// A name that an organisation gave up is nobody else's for 90 days, and its own again at any time.
func TestS27OrgNamesAreHeld(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "eve")
		ctx, o := t.Context(), w.org("acme", "ann")
		other := w.org("other", "eve")
		_, err := w.orgs.Rename(ctx, o.ID, "Other")
		w.wantKind(err, errs.Conflict)
		_, err = w.orgs.Rename(ctx, o.ID, "models")
		w.wantKind(err, errs.Invalid)
		got, err := w.orgs.Rename(ctx, o.ID, "apex")
		w.noError(err)
		if got.ID != o.ID || got.Name != "apex" {
			t.Fatalf("renamed: %+v", got)
		}
		_, err = w.orgs.Get(ctx, "acme")
		w.wantKind(err, errs.NotFound)
		taken := func(name string) {
			t.Helper()
			_, err := w.orgs.Create(ctx, NewOrg{Name: name, AdminID: w.users["eve"]})
			w.wantKind(err, errs.Conflict)
			_, err = w.accounts.Create(ctx, account.NewUser{Name: name})
			w.wantKind(err, errs.Conflict)
			_, err = w.orgs.Rename(ctx, other.ID, name)
			w.wantKind(err, errs.Conflict)
		}
		taken("ACME")
		_, err = w.orgs.Rename(ctx, o.ID, "acme") // its own name again
		w.noError(err)
		_, err = w.orgs.Rename(ctx, o.ID, "Acme") // another spelling
		w.noError(err)
		taken("apex")

		w.wantKind(w.orgs.Delete(ctx, hub.Actor{}, o.ID, Removal{Confirm: "apex"}), errs.Invalid)
		w.noError(w.orgs.Delete(ctx, hub.Actor{}, o.ID, Removal{Confirm: "acme"}))
		taken("acme")
		_, err = w.orgs.GetByID(ctx, o.ID)
		w.wantKind(err, errs.NotFound)
		// 90 days later it is free.
		_, err = d.Exec(ctx, `UPDATE namespace SET held_until = 1 WHERE name_key = 'acme'`)
		w.noError(err)
		w.org("acme", "eve")
	})
}

// Two admins who demote, remove or leave each other at the same moment leave one.
func TestLastAdminUnderRaces(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob", "cid")
		ctx := t.Context()
		for i := range 10 {
			o := w.org(fmt.Sprint("acme-", i), "ann")
			w.noError(w.orgs.AddMember(ctx, o.ID, w.users["bob"], hub.RoleAdmin))
			w.noError(w.orgs.AddMember(ctx, o.ID, w.users["cid"], hub.RoleAdmin))
			var wg sync.WaitGroup
			for name, f := range map[string]func(id string) error{
				"ann": func(id string) error { return w.orgs.SetRole(ctx, o.ID, id, hub.RoleRead) },
				"bob": func(id string) error { return w.orgs.RemoveMember(ctx, o.ID, id) },
				"cid": func(id string) error { return w.orgs.Leave(ctx, o.ID, id) },
			} {
				wg.Go(func() {
					if err := f(w.users[name]); err != nil && !errs.Is(err, errs.Conflict) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			admins, _, err := w.orgs.Members(ctx, o.ID, MemberQuery{Role: hub.RoleAdmin})
			w.noError(err)
			if len(admins) != 1 {
				t.Fatalf("%d admins are left", len(admins))
			}
		}
	})
}

// A suspended admin is none: the other one cannot go.
func TestSuspendedAdminsDoNotCount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob")
		ctx, o := t.Context(), w.org("acme", "ann")
		w.noError(w.orgs.AddMember(ctx, o.ID, w.users["bob"], hub.RoleAdmin))
		w.noError(w.accounts.Disable(ctx, w.users["bob"]))
		w.wantKind(w.orgs.SetRole(ctx, o.ID, w.users["ann"], hub.RoleWrite), errs.Conflict)
		w.wantKind(w.orgs.Leave(ctx, o.ID, w.users["ann"]), errs.Conflict)
		w.wantKind(w.accounts.Delete(ctx, w.users["ann"]), errs.Conflict)
		w.noError(w.orgs.RemoveMember(ctx, o.ID, w.users["bob"])) // ann stays
	})
}

func TestMembersList(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob", "cid", "d_d", "dxd")
		ctx, o := t.Context(), w.org("acme", "ann")
		for _, m := range []struct {
			name string
			role hub.Role
		}{{"bob", hub.RoleRead}, {"cid", hub.RoleNone}, {"d_d", hub.RoleWrite}, {"dxd", hub.RoleRead}} {
			w.noError(w.orgs.AddMember(ctx, o.ID, w.users[m.name], m.role))
		}
		for _, c := range []struct {
			q    MemberQuery
			want string
		}{
			{MemberQuery{}, "ann bob d_d dxd"},
			{MemberQuery{WithNoAccess: true}, "ann bob cid d_d dxd"},
			{MemberQuery{Role: hub.RoleRead}, "bob dxd"},
			{MemberQuery{Search: "D_"}, "d_d"}, // no pattern
			{MemberQuery{Search: "%"}, ""},
			{MemberQuery{Email: "BOB@example.com"}, "bob"},
		} {
			got := ""
			for c.q.Page.Limit = 2; ; {
				page, next, err := w.orgs.Members(ctx, o.ID, c.q)
				w.noError(err)
				for _, m := range page {
					got += " " + m.Name
				}
				if c.q.Page.Cursor = next; next == "" {
					break
				}
			}
			if got != "" {
				got = got[1:]
			}
			if got != c.want {
				t.Errorf("%+v: %q, want %q", c.q, got, c.want)
			}
		}
		for _, q := range []MemberQuery{{Role: "boss"}, {Search: "a\x00"}, {Page: hub.Page{Cursor: "x"}}, {Page: hub.Page{Cursor: "1-\xff"}}} {
			_, _, err := w.orgs.Members(ctx, o.ID, q)
			w.wantKind(err, errs.Invalid)
		}
	})
}

// An account that nobody can sign in to holds no organisation up, and goes only by the way that all accounts go.
func TestAnUnconfirmedAdminIsNoAdmin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob")
		ctx, o := t.Context(), w.org("acme", "ann")
		w.noError(w.orgs.SetMember(ctx, o.ID, w.users["bob"], hub.RoleAdmin))
		_, err := d.Exec(ctx, `UPDATE users SET awaits_email = TRUE, created_at = 1 WHERE id = ?`, w.users["bob"])
		w.noError(err)
		w.wantKind(w.orgs.RemoveMember(ctx, o.ID, w.users["ann"]), errs.Conflict)
		w.wantKind(w.orgs.SetMember(ctx, o.ID, w.users["ann"], hub.RoleRead), errs.Conflict)
		w.wantKind(w.accounts.Delete(ctx, w.users["ann"]), errs.Conflict)

		_, err = d.Exec(ctx, `DELETE FROM org_member WHERE user_id = ?`, w.users["ann"])
		w.noError(err)
		w.noError(w.accounts.Purge(ctx)) // bob is all that is left
		if _, err := w.accounts.GetByID(ctx, w.users["bob"]); err != nil {
			t.Errorf("the only admin was purged: %v", err)
		}
		_, err = d.Exec(ctx, `UPDATE org_member SET user_id = ? WHERE user_id = ?`, w.users["ann"], w.users["bob"])
		w.noError(err)
		w.noError(w.accounts.Purge(ctx))
		_, err = w.accounts.GetByID(ctx, w.users["bob"])
		w.wantKind(err, errs.NotFound)
	})
}
