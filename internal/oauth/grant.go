package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// Tokens are what a device gets in the end.
type Tokens struct {
	Access  string
	Refresh string
	Scope   string
	Life    time.Duration // of the access token
}

const maxSecret = 256

// Poll answers a device that asks whether its user has decided. Approval is good for one answer. Not yet, no and never
// are a *Refusal.
func (s *Service) Poll(ctx context.Context, clientID, deviceCode string) (t Tokens, err error) {
	if deviceCode == "" || len(deviceCode) > maxSecret {
		return t, noDevice()
	}
	var refused error // kept apart, so that what was noted about the question is committed
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		refused = nil
		var row deviceRow
		err := tx.Get(ctx, &row, getByDevice, hash(deviceCode))
		if db.IsNoRows(err) || err == nil && row.Client != clientID {
			return noDevice()
		}
		if err != nil {
			return err
		}
		switch row.State {
		case pending:
			refused, err = s.notYet(ctx, tx, row)
			return err
		case denied:
			return Refuse(AccessDenied, "The user said no.")
		case approved:
			t, err = s.redeem(ctx, tx, row)
			return err
		}
		return noDevice()
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		t = Tokens{}
	}
	return t, wrap("oauth.Poll", err)
}

func noDevice() error {
	return Refuse(InvalidGrant, "This device_code is unknown or was used already: start again.")
}

// wrap leaves refusals as they are.
func wrap(op string, err error) error {
	var refused *Refusal
	if errors.As(err, &refused) {
		return refused
	}
	return errs.Wrap(op, err)
}

func (s *Service) notYet(ctx context.Context, tx *db.Tx, row deviceRow) (refused, err error) {
	now := s.now()
	if row.ExpiresAt <= now.UnixMicro() {
		return nil, Refuse(ExpiredToken, "Nobody has typed the code in time: start again.")
	}
	if _, err := tx.Exec(ctx, pollDevice, now.UnixMicro(), row.ID); err != nil {
		return nil, err
	}
	if now.Sub(time.UnixMicro(row.PolledAt)) < PollEvery-pollSlack {
		return Refuse(SlowDown, "Ask every %d seconds at most.", int(PollEvery/time.Second)), nil
	}
	return Refuse(AuthorizationPending, "The user has not decided yet."), nil
}

// redeem makes the token that was approved.
func (s *Service) redeem(ctx context.Context, tx *db.Tx, row deviceRow) (t Tokens, err error) {
	now := s.now()
	if row.ExpiresAt <= now.UnixMicro() {
		return t, Refuse(ExpiredToken, "The device came too late for its token: start again.")
	}
	if n, err := tx.Exec(ctx, useDevice, row.ID); err != nil || n == 0 {
		return t, orElse(err, noDevice())
	}
	if _, err := tx.Exec(ctx, purgeGrants, row.UserID, now.UnixMicro()); err != nil {
		return t, err
	}
	client, _ := ClientByID(row.Client)
	t = Tokens{Refresh: newSecret("hfr_"), Scope: narrow(row.Scope, hub.TokenRole(row.Role)), Life: AccessLife}
	value, token, err := s.accounts.GiveToken(ctx, tx, row.UserID, row.Client, account.NewToken{
		Name: client.Slug + "-" + now.Format("2006-01-02"), Role: hub.TokenRole(row.Role), ExpiresAt: now.Add(AccessLife)})
	if errs.Is(err, errs.NotFound) {
		return t, Refuse(AccessDenied, "The account that approved this is gone.")
	}
	if err != nil {
		return t, err
	}
	t.Access = value
	grant := hub.NewID()
	if _, err := tx.Exec(ctx, insertGrant, grant, token.ID, row.UserID, row.Client, t.Scope, now.UnixMicro(), now.Add(RefreshLife).UnixMicro()); err != nil {
		return t, err
	}
	_, err = tx.Exec(ctx, insertRefresh, hash(t.Refresh), grant)
	return t, err
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// Refresh gives a new access token and a new refresh token for an old refresh token. The old ones end at once. A refresh
// token that comes a second time was copied: then the grant ends, with the token that it stands for.
func (s *Service) Refresh(ctx context.Context, clientID, refreshToken string) (t Tokens, err error) {
	over := Refuse(InvalidGrant, "This refresh token is unknown, revoked or too old: sign in again.")
	if refreshToken == "" || len(refreshToken) > maxSecret {
		return t, over
	}
	var refused error
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		refused = nil
		now := s.now()
		var row refreshRow
		err := tx.Get(ctx, &row, getRefresh, hash(refreshToken))
		if db.IsNoRows(err) || err == nil && (row.Client != clientID || row.ExpiresAt <= now.UnixMicro()) {
			return over
		}
		if err != nil {
			return err
		}
		if row.Used {
			refused = over
			return s.end(ctx, tx, row)
		}
		t = Tokens{Refresh: newSecret("hfr_"), Scope: row.Scope, Life: AccessLife}
		t.Access, err = s.accounts.RenewGivenToken(ctx, tx, row.UserID, row.TokenID, now.Add(AccessLife))
		if errs.Is(err, errs.NotFound) {
			return over
		}
		if err != nil {
			return err
		}
		return s.replaceRefresh(ctx, tx, row.ID, refreshToken, t.Refresh, now)
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		t = Tokens{}
	}
	return t, wrap("oauth.Refresh", err)
}

func (s *Service) replaceRefresh(ctx context.Context, tx *db.Tx, grant, before, after string, now time.Time) error {
	if _, err := tx.Exec(ctx, useRefresh, hash(before)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, insertRefresh, hash(after), grant); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, extendGrant, now.Add(RefreshLife).UnixMicro(), grant)
	return err
}

// end takes back a grant whose refresh token was copied.
func (s *Service) end(ctx context.Context, tx *db.Tx, row refreshRow) error {
	if _, err := tx.Exec(ctx, deleteGrant, row.ID); err != nil {
		return err
	}
	err := s.accounts.EndGivenToken(ctx, tx, row.UserID, row.TokenID, "its refresh token was used twice")
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

// TellsEmail reports whether a token tells the e-mail address of its user: one that an application has does if that was
// agreed to; one that its user made is the user's own.
func (s *Service) TellsEmail(ctx context.Context, tokenID string) (bool, error) {
	scope, err := s.Scope(ctx, tokenID)
	return scope == "" || HasScope(scope, "email"), err
}

// Scope is what an access token was given for; empty for a token that its user made.
func (s *Service) Scope(ctx context.Context, tokenID string) (string, error) {
	var scope string
	err := s.db.Get(ctx, &scope, scopeOfToken, tokenID)
	if db.IsNoRows(err) {
		return "", nil
	}
	return scope, errs.Wrap("oauth.Scope", err)
}
