package org

import (
	"context"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Setting the role that a member has is no change, and none is noted.
func TestEachChangeOfAMembershipIsOneEvent(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), New(d)
		accounts := account.New(d, account.Options{})
		defer accounts.Close()
		ann, err := accounts.Create(ctx, account.NewUser{Name: "ann"})
		noError(t, err)
		bob, err := accounts.Create(ctx, account.NewUser{Name: "bob"})
		noError(t, err)
		o, err := s.Create(ctx, NewOrg{Name: "acme", AdminID: ann.ID})
		noError(t, err)
		noError(t, s.SetMember(ctx, o.ID, bob.ID, hub.RoleRead))
		noError(t, s.SetMember(ctx, o.ID, bob.ID, hub.RoleRead))
		noError(t, s.SetMember(ctx, o.ID, bob.ID, hub.RoleWrite))
		noError(t, s.RemoveMember(ctx, o.ID, bob.ID))
		var got []string
		noError(t, d.Select(ctx, &got, `SELECT kind FROM event WHERE owner_id = ? ORDER BY id`, o.ID))
		if want := "org.create org.member.add org.member.role org.member.remove"; strings.Join(got, " ") != want {
			t.Errorf("events %s, want %s", got, want)
		}
	})
}

func TestOrgLife(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, s := t.Context(), New(d)
		accounts := account.New(d, account.Options{Orgs: s.OrgsOf, BeforeDelete: []func(context.Context, db.Queryer, string) error{s.CheckUserDelete}})
		defer accounts.Close()
		users := map[string]string{}
		for _, name := range []string{"ann", "bob"} {
			u, err := accounts.Create(ctx, account.NewUser{Name: name})
			noError(t, err)
			users[name] = u.ID
		}
		_, err := s.Create(ctx, NewOrg{Name: "ANN", AdminID: users["ann"]})
		wantKind(t, err, errs.Conflict) // one space of names with the users
		o, err := s.Create(ctx, NewOrg{Name: "Acme", Fullname: " Acme Inc. ", AdminID: users["ann"]})
		noError(t, err)
		got, err := s.Get(ctx, "aCME")
		noError(t, err)
		if *got != *o || got.Fullname != "Acme Inc." {
			t.Fatalf("Get = %+v", got)
		}
		owner, err := account.Namespace(ctx, d, "acme")
		noError(t, err)
		if owner != (account.Owner{ID: o.ID, Kind: account.KindOrg, Name: "Acme"}) {
			t.Fatalf("Namespace = %+v", owner)
		}

		role, err := s.RoleOf(ctx, o.ID, users["bob"])
		noError(t, err)
		if role != hub.RoleNone {
			t.Fatalf("a stranger has role %s", role)
		}
		noError(t, s.SetMember(ctx, o.ID, users["bob"], hub.RoleContributor))
		wantKind(t, s.SetMember(ctx, o.ID, users["bob"], "boss"), errs.Invalid)
		wantKind(t, s.SetMember(ctx, o.ID, users["ann"], hub.RoleWrite), errs.Conflict)
		wantKind(t, s.RemoveMember(ctx, o.ID, users["ann"]), errs.Conflict)
		wantKind(t, accounts.Delete(ctx, users["ann"]), errs.Conflict)

		id, err := accounts.Whoami(ctx, hub.Actor{UserID: users["bob"]})
		noError(t, err)
		if len(id.Orgs) != 1 || id.Orgs[0].Name != "Acme" || id.Orgs[0].Role != hub.RoleContributor {
			t.Fatalf("Whoami = %+v", id.Orgs)
		}
		noError(t, s.SetMember(ctx, o.ID, users["bob"], hub.RoleAdmin))
		noError(t, s.RemoveMember(ctx, o.ID, users["ann"]))
		noError(t, accounts.Delete(ctx, users["ann"]))
		members, next, err := s.Members(ctx, o.ID, hub.Page{})
		noError(t, err)
		if len(members) != 1 || next != "" || members[0].Role != hub.RoleAdmin {
			t.Fatalf("members %+v", members)
		}
	})
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantKind(t *testing.T, err error, kind errs.Kind) {
	t.Helper()
	if !errs.Is(err, kind) {
		t.Fatalf("error %v, want kind %d", err, kind)
	}
}
