package oauth

import (
	"context"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
)

// Codes are what a device is given: one to hold, one to show.
type Codes struct {
	Device string
	User   string
	Life   time.Duration
}

// Request is a device's request as its user sees it.
type Request struct {
	ID        string
	Client    Client
	MayWrite  bool   // it asks for more than reading
	Addr      string // where it was made
	Agent     string
	State     string // pending, approved, denied, used
	Role      hub.TokenRole
	CreatedAt time.Time
	ExpiresAt time.Time
	Expired   bool // before anybody decided
}

// Start begins the login of a device.
func (s *Service) Start(ctx context.Context, clientID, scope string, from Origin) (Codes, error) {
	if _, ok := ClientByID(clientID); !ok {
		return Codes{}, Refuse(InvalidClient, "This hub does not know this client_id. Programs that it does not know sign in with an access token, which people make in their settings.")
	}
	scope, err := checkScope(scope)
	if err != nil {
		return Codes{}, err
	}
	if err := s.admit(ctx, asking, network(from.Addr)); err != nil {
		return Codes{}, err
	}
	key, err := s.key(ctx)
	if err != nil {
		return Codes{}, err
	}
	c := Codes{Device: newSecret(""), User: newUserCode(), Life: CodeLife}
	now := s.now()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, purgeDevices, now.Add(-keepCodes).UnixMicro()); err != nil {
			return err
		}
		var pending int64
		if err := tx.Get(ctx, &pending, countDevices, now.UnixMicro()); err != nil {
			return err
		}
		if pending >= maxPending {
			return errs.New(errs.Unavailable, "Too many devices are signing in at once. Try again in a few minutes.")
		}
		n, err := tx.Exec(ctx, insertDevice, hub.NewID(), hash(c.Device), keyed(key, readUserCode(c.User)), clientID, scope,
			from.Addr.Unmap().String(), clip(from.Agent), now.UnixMicro(), now.Add(CodeLife).UnixMicro())
		if err == nil && n == 0 {
			return errs.New(errs.Unavailable, "Try again.") // two equal codes: once in many billions
		}
		return err
	})
	return c, wrap("oauth.Start", err)
}

// clip keeps what may stand on a page.
func clip(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return -1
		}
		return c
	}, s)
	return s[:min(len(s), maxAgent)]
}

// Claim takes the code that somebody typed and names the request behind it, which from then on is theirs to decide.
// Unknown, old and decided codes get one answer. Guesses are counted by account and by network.
func (s *Service) Claim(ctx context.Context, by hub.Actor, typed string, from Origin) (id string, err error) {
	if err := s.admit(ctx, typing, "user "+by.UserID, "net "+network(from.Addr)); err != nil {
		return "", err
	}
	unknown := errs.New(errs.Unprocessable, "This code is not open: compare it with what your device shows, or start again there")
	code := readUserCode(typed)
	if code == "" {
		return "", unknown
	}
	key, err := s.key(ctx)
	if err != nil {
		return "", err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Get(ctx, &id, claimDevice, by.UserID, keyed(key, code), s.now().UnixMicro())
	})
	if db.IsNoRows(err) {
		return "", unknown
	}
	return id, errs.Wrap("oauth.Claim", err)
}

// Request is one that the user has typed the code of; errs.NotFound for any other.
func (s *Service) Request(ctx context.Context, userID, id string) (*Request, error) {
	row, err := s.request(ctx, s.db, userID, id)
	if err != nil {
		return nil, errs.Wrap("oauth.Request", err)
	}
	client, _ := ClientByID(row.Client)
	return &Request{
		ID: row.ID, Client: client, MayWrite: roleOf(row.Scope) == hub.TokenWrite, Addr: row.Addr, Agent: row.Agent,
		State: row.State, Role: hub.TokenRole(row.Role), CreatedAt: time.UnixMicro(row.CreatedAt).UTC(), ExpiresAt: time.UnixMicro(row.ExpiresAt).UTC(),
		Expired: row.State == pending && row.ExpiresAt <= s.now().UnixMicro(),
	}, nil
}

// The states of a request.
const (
	pending  = "pending"
	approved = "approved"
	denied   = "denied"
)

func (s *Service) request(ctx context.Context, q db.Queryer, userID, id string) (deviceRow, error) {
	var row deviceRow
	if !db.IsText(id) {
		return row, noRequest()
	}
	err := q.Get(ctx, &row, getByID, id, userID)
	if db.IsNoRows(err) {
		return row, noRequest()
	}
	return row, err
}

func noRequest() error {
	return errs.New(errs.NotFound, "There is no such sign-in. Start again on your device and type the code that it shows.")
}

// Approve lets the device have a token of a role. It may be less than what was asked for and never more.
func (s *Service) Approve(ctx context.Context, by hub.Actor, id string, role hub.TokenRole) error {
	return s.decide(ctx, by, id, approved, role)
}

// Deny tells the device no.
func (s *Service) Deny(ctx context.Context, by hub.Actor, id string) error {
	return s.decide(ctx, by, id, denied, "")
}

func (s *Service) decide(ctx context.Context, by hub.Actor, id, state string, role hub.TokenRole) error {
	kind := map[string]string{approved: "user.device.approve", denied: "user.device.deny"}[state]
	return errs.Wrap("oauth.decide", s.db.Tx(ctx, func(tx *db.Tx) error {
		row, err := s.request(ctx, tx, by.UserID, id)
		if err != nil {
			return err
		}
		if state == approved && role != hub.TokenRead && (role != hub.TokenWrite || roleOf(row.Scope) != hub.TokenWrite) {
			return errs.New(errs.Unprocessable, "Choose what the device may do")
		}
		n, err := tx.Exec(ctx, decideDevice, state, string(role), id, by.UserID, s.now().UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return errs.New(errs.Unprocessable, "This sign-in is over: it was decided already, or its time ran out. Start again on your device")
		}
		client, _ := ClientByID(row.Client)
		return event.Append(ctx, tx, event.Event{Kind: kind, ActorID: by.UserID, OwnerID: by.UserID, At: s.now(),
			Data: map[string]any{"request": id, "client": row.Client, "name": client.Name, "role": role, "from": row.Addr}})
	}))
}
