package audit

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/event"
)

// ForAdmins is the search as an organisation's own admins may make it. Of actors who are no members now, who asked to join
// for instance, they learn that they did it and neither their address nor their client nor their token.
func (q Query) ForAdmins() Query {
	q.forAdmins = true
	return q
}

// searchesHidden reports whether the search picks by something that it does not show of every entry.
func (q Query) searchesHidden() bool { return q.forAdmins && q.filter.Addr != "" }

// hideStrangers takes out of the entries what an organisation's admins must not see, and entries that only that has found.
func (s *Service) hideStrangers(ctx context.Context, q Query, events []event.Event, list []Entry) ([]Entry, error) {
	if !q.forAdmins || len(events) == 0 {
		return list, nil
	}
	actors := make([]string, len(events))
	for i, e := range events {
		actors[i] = e.ActorID
	}
	members, err := s.orgs.MembersAmong(ctx, q.filter.OwnerID, actors)
	if err != nil {
		return nil, err
	}
	shown := list[:0]
	for i, e := range events {
		if !members[e.ActorID] && !byDeployKey(e) {
			if q.searchesHidden() {
				continue
			}
			list[i].IP, list[i].UserAgent, list[i].Token = "", "", nil
		}
		shown = append(shown, list[i])
	}
	return shown, nil
}

// byDeployKey reports whether the actor is a key of the repository. No user's name has a space.
func byDeployKey(e event.Event) bool { return strings.HasPrefix(e.ActorName, "deploy key ") }
