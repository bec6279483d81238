package audit

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
)

// Query picks entries.
type Query struct {
	filter event.Filter
	typ    string   // the Hub's or our own; empty: all
	words  []string // each in the message, in lower case

	forAdmins bool // of the organisation whose log it is
}

const (
	maxQuery = 1000 // bytes
	maxTerms = 20
)

// Parse reads what people write into the search field of an audit log: author:name, ip:address, type:repo.create, and
// words that the message must hold. f is what the caller may see.
func Parse(text string, f event.Filter) (Query, error) {
	q := Query{filter: f}
	terms := strings.Fields(text)
	if len(text) > maxQuery || len(terms) > maxTerms || !db.IsText(text) {
		return q, errs.New(errs.Invalid, "A search of the audit log may have %d words and %d bytes at most", maxTerms, maxQuery)
	}
	for _, term := range terms {
		key, value, keyed := strings.Cut(term, ":")
		switch {
		case keyed && key == "author":
			q.filter.ActorName = value
		case keyed && key == "ip":
			q.filter.Addr = address(value)
		case keyed && key == "type":
			q.typ, q.filter.Kinds = value, kindsOf(value)
		default:
			q.words = append(q.words, strings.ToLower(term))
		}
	}
	return q, nil
}

// address writes an address as the log does.
func address(s string) string {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().String()
	}
	return s
}

// sift leaves the entries of the type whose messages hold all words.
func (q Query) sift(list []Entry) []Entry {
	return slices.DeleteFunc(list, func(e Entry) bool {
		if q.typ != "" && q.typ != e.Type && q.typ != e.Kind {
			return true
		}
		text := strings.ToLower(e.Message)
		return slices.ContainsFunc(q.words, func(w string) bool { return !strings.Contains(text, w) })
	})
}
