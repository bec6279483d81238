package account

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/site"
)

// Registrations from many networks name one address: it is not written to without end.
func TestRegistrationsDoNotFloodAMailbox(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := time.Now()
		settings := site.New(d)
		_, err := settings.Update(t.Context(), func(v *site.Settings) error {
			v.Registration = site.Open
			return nil
		})
		noError(t, err)
		s := New(d, Options{Site: settings, Now: func() time.Time { return now }})
		defer s.Close()
		register := func(i int, email string) error {
			_, err := s.Register(context.Background(), Registration{Name: fmt.Sprint("somebody-", i), Email: email, Password: "a long enough phrase"},
				Client{Addr: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})})
			return err
		}
		for i := range 5 {
			noError(t, register(i, "victim@example.com"))
		}
		wantKind(t, register(6, "Victim@Example.com"), errs.RateLimited)
		noError(t, register(7, "other@example.com"))
		now = now.Add(time.Hour + time.Second)
		noError(t, register(6, "victim@example.com"))
	})
}
