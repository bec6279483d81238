package account

import (
	"context"

	"github.com/cairnhub/cairn/internal/errs"
)

// loginTry is one attempt to show a password.
type loginTry struct {
	key     string // what it counts against
	network string // what it counts against beside that if it fails; empty for a known device
	turn    turn
}

// newTry counts a try against the device, where the user has signed in on it before, else against what was typed and the
// network. Were it the user found by that, the count would tell which address belongs to which name.
func (s *Service) newTry(ctx context.Context, typed, userID string, c Client) (loginTry, error) {
	device, err := s.knownDevice(ctx, c.Device, userID)
	if err != nil {
		return loginTry{}, err
	}
	if device != "" {
		return loginTry{key: limitKey("device", userID+"\x00"+device), turn: userTurn(userID)}, nil
	}
	return loginTry{throttleKey("login "+nameKey(typed), c.Addr), throttleKey("logins", c.Addr), strangerTurn(c.Addr)}, nil
}

// attempt checks a password within the limits. A wrong one and an unknown user, whose row is zero, cost the same.
func (s *Service) attempt(ctx context.Context, y loginTry, password string, user userRow) (bool, error) {
	if err := s.tries.admit(ctx, y.key, loginLimit, user.ID); err != nil {
		return false, err
	}
	if y.network != "" {
		if err := s.tries.check(ctx, y.network, networkLimit); err != nil {
			return false, err
		}
	}
	ok, err := s.checkPassword(ctx, y.turn, password, user.PasswordHash)
	if err != nil || ok || y.network == "" {
		return ok, err
	}
	if err := s.tries.admit(ctx, y.network, networkLimit, ""); err != nil && !errs.Is(err, errs.RateLimited) {
		return false, err
	}
	return false, nil
}
