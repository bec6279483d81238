package policy

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/contract"
	"github.com/cairnhub/cairn/internal/testhub"
)

// unrecorded are the routes beside GET and HEAD whose probes leave no event, and why.
var unrecorded = map[string]string{
	"validateYaml":      "reads",
	"pathsInfo":         "reads",
	"preupload":         "reads",
	"lfsVerifyLocks":    "reads",
	"gitUploadPack":     "reads",
	"postUserinfo":      "reads",
	"lfsBatch":          "says where to upload to; a commit names the bytes, and is recorded",
	"copyLargeFiles":    "the files are not there, so none is copied",
	"mergeBranch":       "main has all of main",
	"resetBranch":       "main is at main",
	"cherryPickCommit":  "main has it",
	"unlikeRepo":        "nobody likes it",
	"postQuicksearch":   "reads",
	"unfollowUser":      "nobody follows",
	"unfollowOrg":       "nobody follows",
	"deleteUserAvatar":  "there is none",
	"deleteOrgAvatar":   "there is none",
	"removePictureForm": "there is none",
	"cancelEmailForm":   "none waits",
	"gitReceivePack":    "the branch is not there",
	"forgotPassword":    "names nobody yet; the letter that is written later is recorded",
	"forgot":            "names nobody yet; the letter that is written later is recorded",
	"startDevice":       "nobody is signed in; the decision about it is recorded",
	"revokeCredentials": "nobody has such a token",
	"xetTelemetry":      "is dropped",
	"telemetry":         "is dropped",
}

// changers are the callers of routes that the owner's or an organisation's admin's request changes nothing by.
var changers = map[string]string{
	"leaveOrganization": "reader", "leaveOrganizationForm": "reader", "requestToJoin": "stranger", "joinRequestForm": "stranger",
}

// carrier puts a user's proof into a request.
type carrier struct {
	name  string
	token bool // it names an access token
	proof func(m *matrix, as testhub.Caller) []string
}

var carriers = []carrier{
	{"bearer token", true, func(_ *matrix, as testhub.Caller) []string { return []string{"Authorization", "Bearer " + as.Token} }},
	{"basic", true, func(_ *matrix, as testhub.Caller) []string {
		return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("git:"+as.Token))}
	}},
	{"session", false, func(m *matrix, as testhub.Caller) []string {
		return []string{"Cookie", httpd.SessionCookie + "=" + m.session(as.Name), "Sec-Fetch-Site", "same-origin"}
	}},
}

// S30: each route that changes something leaves exactly one record, whatever carried the proof, and the record says who,
// by what token and from where.
func TestS30EachChangeLeavesExactlyOneRecord(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, testhub.New(t), "models")
	m.who["siteadmin"] = m.h.Member("chief", true)
	checked := 0
	for _, c := range carriers {
		seen := map[string]bool{}
		for _, rt := range m.h.Server.Routes() {
			if rt.Method == http.MethodGet || rt.Method == http.MethodHead || rt.ID == contract.Unserved || seen[rt.ID] || provesItself(rt) {
				continue
			}
			seen[rt.ID] = true
			for i, p := range probesOf(rt) {
				if !p.refused && (c.token || rt.ID != "login") && (!c.token || rt.ID != "logout") {
					m.recorded(fmt.Sprintf("%s %s (%s/%d) by %s", rt.Method, rt.Path, rt.ID, i, c.name), rt, p, c)
					checked++
				}
			}
		}
	}
	m.noSecrets()
	t.Logf("%d requests", checked)
}

// openers are what opens doors: values of tokens, passwords and their hashes, private keys.
var openers = regexp.MustCompile(`hf_[A-Za-z0-9]{20}|correct.horse|argon2id|PRIVATE KEY|[?#]code=`)

// noSecrets looks through all that the requests left in the log.
func (m *matrix) noSecrets() {
	for after := int64(0); ; {
		list, err := event.After(m.t.Context(), m.h.App.DB(), after, event.MaxPage)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, e := range list {
			after = e.ID
			data, _ := e.Data.(json.RawMessage)
			if text := string(data) + e.ActorName + e.TokenID + e.UserAgent; openers.MatchString(text) {
				m.t.Errorf("%s tells a secret: %s", e.Kind, text)
			}
		}
		if len(list) < event.MaxPage {
			return
		}
	}
}

func provesItself(rt httpd.Route) bool {
	return rt.Right == authz.Signed || rt.Right == authz.XetRead || rt.Right == authz.XetWrite
}

// recorded sends a request that succeeds and looks at what it left in the log.
func (m *matrix) recorded(name string, rt httpd.Route, p probe, c carrier) {
	caller, state := "owner", noRepo
	switch about := p.about(rt); {
	case about[0] == noRepo:
	case rt.OwnerParam() == "name":
		caller, state = "orgadmin", ofOrg
	case strings.HasPrefix(string(rt.Right), "owner-"):
		state = ofSelf
	default:
		state = public
	}
	if rt.Right == authz.SiteAdmin {
		caller = "siteadmin"
	}
	if by := changers[rt.ID]; by != "" {
		caller = by
	}
	to, as := m.target(m.plural, caller, state, rt, p, admitted)
	if rt.Right == authz.OwnerFollow && state == ofSelf {
		to.namespace = "writer" // nobody follows oneself
	}
	proof := c.proof(m, as)
	before := m.lastEvent()
	q := p
	q.headers = append(append([]string{}, p.headers...), proof...)
	a := m.send(rt, q, to, testhub.Caller{Name: as.Name})
	if a.Status >= 400 {
		m.t.Errorf("%s: %d %s", name, a.Status, a.Body)
		return
	}
	events := m.eventsAfter(before)
	if why := unrecorded[rt.ID]; why != "" {
		if len(events) > 0 {
			m.t.Errorf("%s left %s, though it %s", name, events[0].Kind, why)
		}
		return
	}
	if len(events) != 1 {
		m.t.Errorf("%s left %d records: %+v", name, len(events), events)
		return
	}
	e := events[0]
	if e.ActorID != m.userID(as.Name) || e.ActorName != as.Name || (e.TokenID != "") != c.token || e.Addr != "127.0.0.1" || e.UserAgent == "" {
		m.t.Errorf("%s: the record does not say who, by what and from where: %+v", name, e)
	}
	if e.OwnerID == "" && rt.Right != authz.SiteAdmin {
		m.t.Errorf("%s: the record is in nobody's log: %+v", name, e)
	}
}

const password = "correct horse battery staple"

// session signs a user in, who gets a password for it.
func (m *matrix) session(name string) string {
	ctx, accounts := m.t.Context(), m.h.App.Accounts()
	u, err := accounts.Get(ctx, name)
	if err == nil && !u.HasPassword {
		err = accounts.SetPassword(ctx, u.ID, password)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	secret, err := accounts.Login(ctx, name, password, account.Client{})
	if err != nil {
		m.t.Fatal(err)
	}
	return secret
}

func (m *matrix) lastEvent() int64 {
	list, err := event.List(m.t.Context(), m.h.App.DB(), event.Filter{}, 0, 1)
	if err != nil {
		m.t.Fatal(err)
	}
	if len(list) == 0 {
		return 0
	}
	return list[0].ID
}

func (m *matrix) eventsAfter(id int64) []event.Event {
	list, err := event.After(m.t.Context(), m.h.App.DB(), id, 10)
	if err != nil {
		m.t.Fatal(err)
	}
	return list
}
