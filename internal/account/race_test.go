package account

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// atOnce runs f n times at the same time and counts its outcomes: won, or refused as taken.
func atOnce(t *testing.T, n int, f func(i int) error) (won int) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			err := f(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won++
			} else if !errs.Is(err, errs.Conflict) && !errs.Is(err, errs.NotFound) {
				t.Errorf("neither won nor refused: %v", err)
			}
		})
	}
	close(start)
	wg.Wait()
	return won
}

const crowd = 100

// Of a hundred who ask for one name one gets it; of those who use an invitation at once as many as it has uses; of
// those who open one link one.
func TestS24OneNameOneInvitationOneLink(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, _ := open(t, d)
		ctx := t.Context()
		row := func(name string) userRow {
			return userRow{ID: hub.NewID(), Name: name, PasswordHash: "x", CreatedAt: s.now().UnixMicro()}
		}
		enrol := func(name string, inv *Invite) error {
			return s.write(ctx, func(tx *db.Tx) error { return s.enrol(ctx, tx, row(name), Registration{Name: name}, inv) })
		}
		if won := atOnce(t, crowd, func(i int) error { return enrol([]string{"wanted", "WANTED"}[i%2], nil) }); won != 1 {
			t.Errorf("%d users have one name", won)
		}

		const uses = 3
		inv, link, err := s.CreateInvite(ctx, NewInvite{MaxUses: uses})
		noError(t, err)
		if won := atOnce(t, crowd, func(i int) error { return enrol(fmt.Sprintf("guest-%d", i), inv) }); won != uses {
			t.Errorf("an invitation for %d was used %d times", uses, won)
		}
		_, code, _ := strings.Cut(link, "code=")
		_, err = s.FindInvite(ctx, code)
		wantKind(t, err, errs.NotFound)

		u := mustCreate(t, s, NewUser{Name: "ann"})
		found, err := findUser(ctx, d, getUserByID, u.ID)
		noError(t, err)
		reset, err := s.makeReset(ctx, found, s.now().Add(resetLife))
		noError(t, err)
		won := atOnce(t, crowd, func(i int) error {
			return s.write(ctx, func(tx *db.Tx) error {
				user, err := s.resetOf(ctx, tx, reset)
				if err != nil {
					return err
				}
				return s.replacePassword(ctx, tx, user, fmt.Sprint("hash ", i), "")
			})
		})
		if won != 1 {
			t.Errorf("a link was used %d times", won)
		}
	})
}

// A wrong password and an unknown user cost the hub the same, hashes and statements, also where tries are refused.
func TestS2WrongPasswordAndUnknownUserCostTheSame(t *testing.T) {
	d := dbtest.New(t, db.SQLite)
	s, _ := open(t, d)
	ctx := t.Context()
	mustCreate(t, s, NewUser{Name: "known", Email: "known@example.com", Password: "pears on a plate"})
	noPassword := mustCreate(t, s, NewUser{Name: "token-only"})
	cost := func(name string) (out [2]uint64, kind errs.Kind) {
		hashes, statements := s.Hashes(), d.Statements()
		_, err := s.Login(ctx, name, "wrong password", Client{})
		return [2]uint64{s.Hashes() - hashes, d.Statements() - statements}, errs.KindOf(err)
	}
	const real = 2 // tries that take a hash; the others until the limit are only counted
	for i := range real + 2 {
		if i == real {
			for _, account := range []string{"known", "unknown", noPassword.Name} {
				for range loginTries - real {
					noError(t, s.tries.admit(ctx, throttleKey("login "+account, netip.Addr{}), loginLimit, ""))
				}
			}
		}
		want, said := cost("known")
		for _, name := range []string{"unknown", noPassword.Name} {
			if got, says := cost(name); got != want || says != said {
				t.Errorf("try %d: %s costs %v and says %d, a wrong password %v and %d", i+1, name, got, says, want, said)
			}
		}
		if i < real && (want[0] != 1 || said != errs.Unauthenticated) || i >= real && (want[0] != 0 || said != errs.RateLimited) {
			t.Errorf("try %d takes %d hashes and says %d", i+1, want[0], said)
		}
	}
	for _, name := range []string{"unknown@example.com", "a\x00b", ""} {
		if got, _ := cost(name); got[0] != 1 {
			t.Errorf("%q takes %d hashes", name, got[0])
		}
	}
}

func TestCommonPasswords(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(commonPasswords, "\n"), "\n")
	if !slices.IsSorted(lines) || len(lines) < 10_000 {
		t.Fatal("the list is not sorted, or short")
	}
	for i := 0; i < len(lines); i += 7 {
		if !isCommon(lines[i]) {
			t.Errorf("%q is not found", lines[i])
		}
	}
	for _, p := range []string{lines[0], lines[len(lines)-1]} {
		if !isCommon(p) {
			t.Errorf("%q is not found", p)
		}
	}
	for _, p := range []string{"", "\n", "zzzzzzzzzz no", "!", "correct horse battery staple"} {
		if isCommon(p) {
			t.Errorf("%q is common", p)
		}
	}
	for _, p := range []string{"password12", "1Password!", "2024-monkey", "abcdefghijk", "9876543210", "1111111111", "anna-maria1", "anna-maria@x"} {
		if checkNewPassword(p, "anna-maria") == nil {
			t.Errorf("%q is taken", p)
		}
	}
	for _, p := range []string{"pears on a plate", "correct horse", "tr0ub4dor&3xq", "anna-maria likes pears", "日本語のパスワードです"} {
		if err := checkNewPassword(p, "anna-maria"); err != nil {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// A device cookie speaks for the users who signed in there and for nobody else, and cannot be made.
func TestDeviceCookie(t *testing.T) {
	s, _ := open(t, dbtest.New(t, db.SQLite))
	ctx := t.Context()
	knows := func(value, user string) bool {
		id, err := s.knownDevice(ctx, value, user)
		noError(t, err)
		return id != ""
	}
	value, err := s.Remember(ctx, "", "ann")
	noError(t, err)
	both, err := s.Remember(ctx, value, "bob")
	noError(t, err)
	if !knows(value, "ann") || knows(value, "bob") || !knows(both, "ann") || !knows(both, "bob") || knows(both, "eve") || knows(both, "") {
		t.Error("a device knows the wrong people")
	}
	for _, bad := range []string{"", ".", "x", strings.Repeat("x", 5000), value[:len(value)-1] + "!", value + "." + value, strings.ToUpper(value), value[:22] + "x" + value[22:]} {
		if knows(bad, "ann") && bad != value+"."+value {
			t.Errorf("%q is believed", bad)
		}
	}
	for i := range 20 {
		both, err = s.Remember(ctx, both, fmt.Sprint("user", i))
		noError(t, err)
	}
	if knows(both, "ann") || !knows(both, "user19") || len(both) > 300 {
		t.Errorf("a device knows ever more people: %d bytes", len(both))
	}
}
