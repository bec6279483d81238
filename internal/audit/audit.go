package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/repo"
)

// MaxExport bounds one export, as the Hub does.
const MaxExport = 100_000

// Entry is one event as it is shown, in the shape of the Hub's export and with what the Hub does not say.
type Entry struct {
	ID        string          `json:"_id"`
	CreatedAt string          `json:"createdAt"`
	Type      string          `json:"type"` // the Hub's name for it; else the kind
	Message   string          `json:"message"`
	Author    Author          `json:"author"`
	IP        string          `json:"ip,omitempty"`
	UserAgent string          `json:"userAgent,omitempty"`
	Token     *Token          `json:"token,omitempty"`
	Data      json.RawMessage `json:"data,omitempty"`

	EventID int64  `json:"-"`
	Kind    string `json:"-"` // the hub's own name for it
	Repo    string `json:"-"` // path of the repository that it is about, as it is called now; empty: none, or gone
}

// Author is who did it.
type Author struct {
	ID        string `json:"_id"`
	User      string `json:"user"`
	AvatarURL string `json:"avatarUrl"` // for the door to fill in
	Type      string `json:"type"`      // user, or system: the hub itself, its command line, a deploy key
	Deleted   bool   `json:"deleted,omitempty"`
}

// Token is the access token that proved it.
type Token struct {
	Type    string `json:"type"` // access_token
	ID      string `json:"id"`
	Role    string `json:"role,omitempty"` // read, write, fineGrained
	Last4   string `json:"last4,omitempty"`
	Deleted bool   `json:"deleted"`
}

// nobodyID is the author's id where no user is one: ids are 24 hex digits in the Hub's schema.
const nobodyID = "000000000000000000000000"

// Service reads the log.
type Service struct {
	db       *db.DB
	accounts *account.Service
	orgs     *org.Service
	repos    *repo.Service
}

// New makes a service.
func New(d *db.DB, accounts *account.Service, orgs *org.Service, repos *repo.Service) *Service {
	return &Service{d, accounts, orgs, repos}
}

// List reads a page of what q picks, the newest first. The cursor of the next page is empty at the end.
func (s *Service) List(ctx context.Context, q Query, p hub.Page) (list []Entry, next string, err error) {
	before := int64(0)
	if p.Cursor != "" {
		if _, err := fmt.Sscanf(p.Cursor, "%d", &before); err != nil || before < 1 {
			return nil, "", errs.New(errs.Invalid, "Invalid cursor: follow the link to the next page as it is")
		}
	}
	if err := s.resolve(ctx, &q); err != nil {
		return nil, "", err
	}
	p = p.Clamp(100, event.MaxPage)
	if q.searchesHidden() {
		return s.listShown(ctx, q, before, p.Limit)
	}
	events, err := event.List(ctx, s.db, q.filter, before, p.Limit)
	if err != nil {
		return nil, "", err
	}
	if len(events) == p.Limit {
		next = fmt.Sprint(events[p.Limit-1].ID)
	}
	list, err = s.entries(ctx, q, events)
	return q.sift(list), next, err
}

// listShown is List for a search in what is hidden of some entries: that there is a next page must not tell of them.
func (s *Service) listShown(ctx context.Context, q Query, before int64, limit int) (list []Entry, next string, err error) {
	full := errors.New("the page is full")
	err = s.walk(ctx, q, before, func(e Entry) error {
		if len(list) == limit {
			next = fmt.Sprint(list[limit-1].EventID)
			return full
		}
		list = append(list, e)
		return nil
	})
	if errors.Is(err, full) {
		err = nil
	}
	return list, next, err
}

// Export gives each entry of an owner that the Hub's audit log has a type for to f, the newest first, MaxExport at most.
func (s *Service) Export(ctx context.Context, q Query, f func(Entry) error) error {
	if len(q.filter.Kinds) == 0 {
		q.filter.Kinds = hubKinds()
	}
	if err := s.resolve(ctx, &q); err != nil {
		return err
	}
	return s.walk(ctx, q, 0, f)
}

// walk gives each entry that q picks to f, MaxExport at most.
func (s *Service) walk(ctx context.Context, q Query, before int64, f func(Entry) error) error {
	for left := MaxExport; left > 0; {
		events, err := event.List(ctx, s.db, q.filter, before, min(left, event.MaxPage))
		if err != nil || len(events) == 0 {
			return err
		}
		left -= len(events)
		before = events[len(events)-1].ID
		list, err := s.entries(ctx, q, events)
		if err != nil {
			return err
		}
		for _, e := range q.sift(list) {
			if err := f(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve turns an author's name into an id, which there is an index for and which a new name does not change. Whoever is
// gone is found by the name that they had.
func (s *Service) resolve(ctx context.Context, q *Query) error {
	name := q.filter.ActorName
	if name == "" {
		return nil
	}
	if name == event.CLI {
		q.filter.ActorID, q.filter.ActorName = name, ""
		return nil
	}
	o, err := s.accounts.Namespace(ctx, nil, name)
	if err == nil {
		q.filter.ActorID, q.filter.ActorName = o.ID, ""
	}
	if errs.Is(err, errs.NotFound) {
		return nil
	}
	return err
}

// entries makes what is shown of events. What it has to look up it looks up for all at once.
func (s *Service) entries(ctx context.Context, q Query, events []event.Event) ([]Entry, error) {
	var users, tokens, rows []string
	for _, e := range events {
		users, tokens, rows = append(users, e.ActorID), append(tokens, e.TokenID), append(rows, e.RepoID)
	}
	names, err := account.Names(ctx, s.db, users)
	if err != nil {
		return nil, err
	}
	proofs, err := s.accounts.TokenFacts(ctx, tokens)
	if err != nil {
		return nil, err
	}
	repos, err := s.repos.IDs(ctx, rows)
	if err != nil {
		return nil, err
	}
	list := make([]Entry, len(events))
	for i, e := range events {
		list[i] = entry(e, names, repos)
		if t, ok := proofs[e.TokenID]; ok {
			list[i].Token = &Token{Type: "access_token", ID: e.TokenID, Role: t.Role, Last4: t.Last4, Deleted: t.Revoked}
		}
	}
	return s.hideStrangers(ctx, q, events, list)
}

func entry(e event.Event, names map[string]string, repos map[string]hub.RepoID) Entry {
	data, _ := e.Data.(json.RawMessage)
	out := Entry{
		ID: fmt.Sprintf("%024x", e.ID), CreatedAt: e.At.UTC().Format("2006-01-02T15:04:05.000Z"), Type: e.Kind, Author: author(e, names),
		IP: e.Addr, UserAgent: e.UserAgent, Data: data, EventID: e.ID, Kind: e.Kind,
	}
	var members map[string]any
	_ = json.Unmarshal(data, &members) // what is no object has no members
	if t := hubTypeOf(e.Kind, members); t != "" {
		out.Type = t
	}
	if id, ok := repos[e.RepoID]; ok {
		out.Repo = id.Path()
	}
	out.Message = message(e.Kind, members, out.Repo)
	return out
}

func author(e event.Event, names map[string]string) Author {
	a := Author{ID: e.ActorID, User: e.ActorName, Type: "user"}
	name, there := names[e.ActorID]
	switch {
	case there:
		a.User = name
	case e.ActorID == "", e.ActorID == event.CLI:
		a.ID, a.Type = nobodyID, "system"
	case byDeployKey(e):
		a.Type = "system"
	default:
		a.Deleted = true
	}
	if a.User == "" {
		if a.User = "system"; a.Deleted {
			a.User = "deleted user"
		}
	}
	return a
}

// Shown is an entry with what the Hub's schema has no place for.
type Shown struct {
	Entry
	Kind string `json:"kind"`
	Repo string `json:"repo,omitempty"`
}

// Show makes of entries what the hub's own lists answer.
func Show(list []Entry) []Shown {
	out := make([]Shown, len(list))
	for i, e := range list {
		out[i] = Shown{e, e.Kind, e.Repo}
	}
	return out
}
