package org

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/mail"
)

func (w *world) invite(o *Org, n NewInvitation) (*Invitation, string) {
	w.Helper()
	i, code, err := w.orgs.Invite(w.Context(), o.ID, n)
	w.noError(err)
	return i, code
}

func (w *world) role(o *Org, name string) hub.Role {
	w.Helper()
	role, err := w.orgs.RoleOf(w.Context(), o.ID, w.users[name])
	w.noError(err)
	return role
}

func TestInvitationByLink(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob", "cid", "dee")
		ctx, s, o := t.Context(), w.orgs, w.org("acme", "ann")
		i, code := w.invite(o, NewInvitation{Role: hub.RoleWrite, MaxUses: 2, By: w.users["ann"]})
		if i.CreatedBy != "ann" || i.OrgName != "acme" || i.MaxUses != 2 || len(code) != 32 {
			t.Fatalf("%+v %q", i, code)
		}
		seen, err := s.InvitationByCode(ctx, code)
		w.noError(err)
		if seen.ID != i.ID || seen.Role != hub.RoleWrite {
			t.Fatalf("%+v", seen)
		}
		var stored string
		w.noError(d.Get(ctx, &stored, `SELECT code_hash FROM org_invitation`))
		if strings.Contains(stored, code) || len(stored) != 64 {
			t.Errorf("stored as %q", stored)
		}
		_, err = s.Accept(ctx, w.users["bob"], Way{Code: code})
		w.noError(err)
		_, err = s.Accept(ctx, w.users["bob"], Way{Code: code})
		w.wantKind(err, errs.Conflict)
		// Whoever was removed does not come back by the link that is still open.
		w.noError(s.RemoveMember(ctx, o.ID, w.users["bob"]))
		_, err = s.Accept(ctx, w.users["bob"], Way{Code: code})
		w.wantKind(err, errs.Conflict)
		w.wantKind(s.Decline(ctx, w.users["dee"], Way{Code: code}), errs.Conflict)
		_, err = s.Accept(ctx, w.users["cid"], Way{Code: code})
		w.noError(err)
		_, err = s.Accept(ctx, w.users["dee"], Way{Code: code})
		w.wantKind(err, errs.Conflict) // used up
		for _, wrong := range []Way{{}, {Code: "x"}, {Code: strings.Repeat("x", 1000)}, {ID: i.ID}, {ID: "a\x00"}} {
			_, err = s.Accept(ctx, w.users["dee"], wrong)
			w.wantKind(err, errs.NotFound)
		}
		if w.role(o, "cid") != hub.RoleWrite || w.role(o, "bob") != hub.RoleNone {
			t.Error("wrong roles")
		}
		want := "[org.create org.invitation.create org.member.add org.member.remove org.member.add]"
		if got := fmt.Sprint(w.kinds(o.ID)); got != want {
			t.Errorf("events %s, want %s", got, want)
		}
	})
}

func TestInvitationOfOnePerson(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob", "cid")
		ctx, s, o := t.Context(), w.orgs, w.org("acme", "ann")
		ann := w.users["ann"]
		byName, code := w.invite(o, NewInvitation{Role: hub.RoleRead, User: "BOB", By: ann})
		for _, way := range []Way{{Code: code}, {ID: byName.ID}} {
			_, err := s.Accept(ctx, w.users["cid"], way)
			w.wantKind(err, errs.NotFound) // it is bob's
		}
		mine, err := s.InvitationsFor(ctx, w.users["bob"])
		w.noError(err)
		if len(mine) != 1 || mine[0].ID != byName.ID || mine[0].User != "bob" {
			t.Fatalf("bob sees %+v", mine)
		}
		w.noError(s.Decline(ctx, w.users["bob"], Way{ID: byName.ID}))
		_, err = s.Accept(ctx, w.users["bob"], Way{Code: code})
		w.wantKind(err, errs.Conflict)
		again, _ := w.invite(o, NewInvitation{Role: hub.RoleRead, User: "bob", By: ann})
		_, err = s.Accept(ctx, w.users["bob"], Way{ID: again.ID})
		w.noError(err)

		// By e-mail: the code proves the address to whose account it belongs; without the code the address must be proven.
		byMail, code := w.invite(o, NewInvitation{Role: hub.RoleRead, Email: "Cid@Example.com", By: ann})
		_, err = s.Accept(ctx, w.users["cid"], Way{ID: byMail.ID})
		w.wantKind(err, errs.NotFound)
		if mine, err = s.InvitationsFor(ctx, w.users["cid"]); err != nil || len(mine) != 0 {
			t.Fatalf("an address that nobody has proven shows %+v, %v", mine, err)
		}
		w.addUsers("eve")
		_, err = s.Accept(ctx, w.users["eve"], Way{Code: code})
		w.wantKind(err, errs.Forbidden)
		// A second one replaces the first.
		_, newer := w.invite(o, NewInvitation{Role: hub.RoleWrite, Email: "cid@example.com", By: ann})
		_, err = s.Accept(ctx, w.users["cid"], Way{Code: code})
		w.wantKind(err, errs.Conflict)
		if open, err := s.Invitations(ctx, o.ID); err != nil || len(open) != 1 {
			t.Fatalf("%d open, %v", len(open), err)
		}
		_, err = s.Accept(ctx, w.users["cid"], Way{Code: newer})
		w.noError(err)
		if w.role(o, "cid") != hub.RoleWrite {
			t.Error("wrong role")
		}
		_, _, err = s.Invite(ctx, o.ID, NewInvitation{Role: hub.RoleRead, User: "cid", By: ann})
		w.wantKind(err, errs.Conflict) // a member already
		w.wantKind(s.AddMember(ctx, "nope", w.users["eve"], hub.RoleRead), errs.NotFound)
	})
}

func TestInvitationRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann")
		o := w.org("acme", "ann")
		for what, n := range map[string]NewInvitation{
			"no role": {}, "a role that gives nothing": {Role: hub.RoleNone}, "odd role": {Role: "boss"}, "both": {Role: hub.RoleRead, User: "x", Email: "x@example.com"},
			"many for one": {Role: hub.RoleRead, Email: "x@example.com", MaxUses: 2}, "too many": {Role: hub.RoleRead, MaxUses: MaxInvitationUses + 1},
			"negative": {Role: hub.RoleRead, MaxUses: -1}, "short": {Role: hub.RoleRead, Life: time.Minute}, "long": {Role: hub.RoleRead, Life: 91 * 24 * time.Hour},
			"no address": {Role: hub.RoleRead, Email: "x"}, "two lines": {Role: hub.RoleRead, Email: "x@example.com\nBcc: y@example.com"},
		} {
			if _, _, err := w.orgs.Invite(t.Context(), o.ID, n); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, _, err := w.orgs.Invite(t.Context(), o.ID, NewInvitation{Role: hub.RoleRead, User: "nobody"})
		w.wantKind(err, errs.NotFound)
		_, _, err = w.orgs.Invite(t.Context(), o.ID, NewInvitation{Role: hub.RoleRead, User: "acme"})
		w.wantKind(err, errs.NotFound)
	})
}

// An invitation ends with its time, by its revocation, and with the power of who made it.
func TestInvitationEnds(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob", "cid")
		ctx, s, o := t.Context(), w.orgs, w.org("acme", "ann")
		clock := time.Now()
		s.hooks.Now = func() time.Time { return clock }
		refused := func(code string) {
			t.Helper()
			_, err := s.Accept(ctx, w.users["cid"], Way{Code: code})
			w.wantKind(err, errs.Conflict)
		}
		_, code := w.invite(o, NewInvitation{Role: hub.RoleRead, By: w.users["ann"], Life: time.Hour})
		clock = clock.Add(time.Hour)
		refused(code)
		_, err := s.InvitationByCode(ctx, code)
		w.wantKind(err, errs.Conflict)

		i, code := w.invite(o, NewInvitation{Role: hub.RoleRead, By: w.users["ann"]})
		w.wantKind(s.Revoke(ctx, "other", i.ID), errs.NotFound)
		w.noError(s.Revoke(ctx, o.ID, i.ID))
		w.wantKind(s.Revoke(ctx, o.ID, i.ID), errs.NotFound)
		refused(code)

		w.noError(s.AddMember(ctx, o.ID, w.users["bob"], hub.RoleAdmin))
		_, code = w.invite(o, NewInvitation{Role: hub.RoleAdmin, By: w.users["bob"]})
		w.noError(s.SetRole(ctx, o.ID, w.users["bob"], hub.RoleWrite))
		refused(code)
		w.noError(s.SetRole(ctx, o.ID, w.users["bob"], hub.RoleAdmin))
		w.noError(w.accounts.Disable(ctx, w.users["bob"]))
		refused(code)
		w.noError(w.accounts.Enable(ctx, w.users["bob"]))
		_, err = s.Accept(ctx, w.users["cid"], Way{Code: code})
		w.noError(err)

		// Old ones are forgotten.
		clock = clock.Add(200 * 24 * time.Hour)
		w.invite(o, NewInvitation{Role: hub.RoleRead, By: w.users["ann"]})
		var left int
		w.noError(d.Get(ctx, &left, `SELECT COUNT(*) FROM org_invitation`))
		if left != 1 {
			t.Errorf("%d invitations are kept", left)
		}
	})
}

// Of 100 who accept an invitation at the same moment exactly as many win as it has uses; the others are told so.
func TestS24InvitationHasExactlyAsManyWinnersAsUses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann")
		for i := range 100 {
			w.addUsers(fmt.Sprint("user-", i))
		}
		for _, uses := range []int64{1, 7} {
			o := w.org(fmt.Sprint("acme-", uses), "ann")
			_, code := w.invite(o, NewInvitation{Role: hub.RoleRead, MaxUses: uses, By: w.users["ann"]})
			other := New(d) // a second node
			var won, lost atomic.Int64
			var wg sync.WaitGroup
			for i := range 100 {
				node := []*Service{w.orgs, other}[i%2]
				wg.Go(func() {
					switch _, err := node.Accept(t.Context(), w.users[fmt.Sprint("user-", i)], Way{Code: code}); {
					case err == nil:
						won.Add(1)
					case errs.Is(err, errs.Conflict):
						lost.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			members, _, err := w.orgs.Members(t.Context(), o.ID, MemberQuery{})
			w.noError(err)
			if won.Load() != uses || lost.Load() != 100-uses || int64(len(members)) != uses+1 {
				t.Errorf("%d uses: %d won, %d were told that they lost, %d members", uses, won.Load(), lost.Load(), len(members))
			}
		}
	})
}

func TestJoinRequests(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob", "cid", "dee")
		ctx, s, o := t.Context(), w.orgs, w.org("acme", "ann")
		clock := time.Now()
		s.hooks.Now = func() time.Time { return clock }
		bob, cid, dee := w.users["bob"], w.users["cid"], w.users["dee"]
		w.wantKind(s.RequestToJoin(ctx, o.ID, bob, ""), errs.Forbidden)
		yes := true
		_, err := s.Change(ctx, o.ID, Change{JoinRequests: &yes})
		w.noError(err)
		w.wantKind(s.RequestToJoin(ctx, o.ID, bob, strings.Repeat("x", 501)), errs.Invalid)
		w.wantKind(s.RequestToJoin(ctx, o.ID, w.users["ann"], ""), errs.Conflict)
		w.noError(s.RequestToJoin(ctx, o.ID, bob, "please"))
		w.wantKind(s.RequestToJoin(ctx, o.ID, bob, ""), errs.Conflict)
		clock = clock.Add(time.Second)
		w.noError(s.RequestToJoin(ctx, o.ID, cid, ""))
		clock = clock.Add(time.Second)
		w.noError(s.RequestToJoin(ctx, o.ID, dee, ""))
		page, next, err := s.JoinRequests(ctx, o.ID, hub.Page{Limit: 2})
		w.noError(err)
		rest, end, err := s.JoinRequests(ctx, o.ID, hub.Page{Limit: 2, Cursor: next})
		w.noError(err)
		if len(page) != 2 || page[0].Name != "bob" || page[0].Message != "please" || len(rest) != 1 || rest[0].Name != "dee" || end != "" {
			t.Errorf("requests %+v %+v", page, rest)
		}
		w.noError(s.WithdrawRequest(ctx, o.ID, dee))
		w.noError(s.ApproveRequest(ctx, o.ID, bob, hub.RoleContributor))
		w.wantKind(s.ApproveRequest(ctx, o.ID, bob, hub.RoleAdmin), errs.NotFound)
		w.noError(s.DenyRequest(ctx, o.ID, cid))
		w.wantKind(s.ApproveRequest(ctx, o.ID, cid, hub.RoleRead), errs.NotFound)
		w.wantKind(s.RequestToJoin(ctx, o.ID, cid, ""), errs.Conflict)
		clock = clock.Add(7*24*time.Hour + time.Second)
		w.noError(s.RequestToJoin(ctx, o.ID, cid, ""))
		if waits, err := s.HasRequested(ctx, o.ID, cid); err != nil || !waits {
			t.Errorf("%v %v", waits, err)
		}
		if w.role(o, "bob") != hub.RoleContributor || w.role(o, "cid") != hub.RoleNone {
			t.Error("wrong roles")
		}
		got := fmt.Sprint(w.kinds(o.ID))
		want := "[org.create org.settings org.request.create org.request.create org.request.create org.request.withdraw org.member.add org.request.deny org.request.create]"
		if got != want {
			t.Errorf("events %s, want %s", got, want)
		}
	})
}

func TestLetters(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob")
		ctx, o := t.Context(), w.org("acme", "ann")
		var sent []mail.Message
		w.orgs.hooks.URL = "https://hub.example"
		w.orgs.hooks.Mail = func(_ context.Context, _ db.Queryer, m mail.Message) error {
			sent = append(sent, m)
			return nil
		}
		_, code := w.invite(o, NewInvitation{Role: hub.RoleRead, Email: "x@example.com", By: w.users["ann"]})
		w.invite(o, NewInvitation{Role: hub.RoleRead, User: "bob", By: w.users["ann"]}) // whose address is not proven: no mail
		w.invite(o, NewInvitation{Role: hub.RoleRead, By: w.users["ann"]})              // a link: for its maker to pass on
		if len(sent) != 1 || sent[0].To != "x@example.com" || !strings.Contains(sent[0].Text, "https://hub.example/organizations/invitation?code="+code+"\n") || sent[0].Until.IsZero() {
			t.Fatalf("sent %+v", sent)
		}
		_, err := d.Exec(ctx, `UPDATE users SET email_verified = TRUE`)
		w.noError(err)
		yes := true
		_, err = w.orgs.Change(ctx, o.ID, Change{JoinRequests: &yes})
		w.noError(err)
		w.noError(w.orgs.RequestToJoin(ctx, o.ID, w.users["bob"], "buy https://spam.example"))
		w.noError(w.orgs.ApproveRequest(ctx, o.ID, w.users["bob"], hub.RoleRead))
		if len(sent) != 3 || sent[1].To != "ann@example.com" || sent[2].To != "bob@example.com" || strings.Contains(sent[1].Text, "spam") {
			t.Errorf("sent %+v", sent)
		}
	})
}

// Whoever makes an organisation must not use the hub's e-mail to flood somebody, or many.
func TestLettersDoNotFloodAMailbox(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, "ann", "bob", "cid")
		ctx, o := t.Context(), w.org("acme", "ann")
		sent := map[string]int{}
		w.orgs.hooks.URL, w.orgs.hooks.Admit = "https://hub.example", w.accounts.AdmitLetter
		w.orgs.hooks.Mail = func(_ context.Context, _ db.Queryer, m mail.Message) error {
			sent[m.To]++
			return nil
		}
		invite := func(by, email string) error {
			_, _, err := w.orgs.Invite(ctx, o.ID, NewInvitation{Role: hub.RoleRead, Email: email, By: w.users[by]})
			return err
		}
		for range 10 {
			w.noError(invite("ann", "x@example.com"))
		}
		w.wantKind(invite("ann", "X@Example.com"), errs.RateLimited)
		w.wantKind(invite("bob", "x@example.com"), errs.RateLimited) // whoever asks
		for i := range 40 {
			w.noError(invite("ann", fmt.Sprint("y", i, "@example.com")))
		}
		w.wantKind(invite("ann", "z@example.com"), errs.RateLimited)
		w.noError(invite("bob", "z@example.com"))
		if sent["x@example.com"] != 10 || sent["z@example.com"] != 1 {
			t.Errorf("sent %v", sent)
		}

		// Requests go on, as the pages show them; the letters about them do not.
		yes := true
		_, err := w.orgs.Change(ctx, o.ID, Change{JoinRequests: &yes})
		w.noError(err)
		_, err = d.Exec(ctx, `UPDATE users SET email_verified = TRUE`)
		w.noError(err)
		for range 50 {
			w.noError(w.orgs.RequestToJoin(ctx, o.ID, w.users["cid"], ""))
			w.noError(w.orgs.WithdrawRequest(ctx, o.ID, w.users["cid"]))
		}
		w.wantKind(w.orgs.RequestToJoin(ctx, o.ID, w.users["cid"], ""), errs.RateLimited)
		if sent["ann@example.com"] != 10 {
			t.Errorf("an admin got %d letters", sent["ann@example.com"])
		}
	})
}
