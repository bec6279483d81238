package webui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/org"
)

const (
	requestsOnPage = 50
	codeLength     = 32 // characters of an invitation's code
)

type invitationsPage struct {
	settingsPage
	Path        string // of the organisation's settings, without a page's name
	Shown       string // the link of an invitation that was made just now
	Invitations []invitationItem
	Requests    []requestItem
	More        bool // requests that are not on the page
	Who, Uses   field
	Roles       []roleChoice
	Life        string
	Lives       []tokenLife
}

type invitationItem struct {
	*org.Invitation
	For, Role string
}

type requestItem struct {
	org.JoinRequest
	Path  string
	Roles []roleChoice
}

var invitationLives = []tokenLife{{"1", "a day", day}, {"7", "7 days", 7 * day}, {"30", "30 days", 30 * day}, {"90", "90 days", 90 * day}}

func (a *API) newInvitationsPage(r *http.Request) (invitationsPage, error) {
	st := httpd.Of(r)
	p := invitationsPage{
		settingsPage: orgSettings(r, st.Owner.Name, "invitations", true), Path: "/organizations/" + escape(st.Owner.Name), Roles: roleChoices(grantedRoles, hub.RoleRead),
		Who:  field{Name: "who", Label: "User name or e-mail address", Max: maxUsername, Optional: true, Plain: true, Autocomplete: "off", Hint: "Leave it empty for a link that you pass on yourself."},
		Uses: field{Name: "uses", Label: "How many may use the link", Type: "number", Value: "1", Optional: true, Hint: "1 to 10000. An invitation of one person is for that person alone."},
		Life: "7", Lives: invitationLives,
	}
	invitations, err := a.Orgs.Invitations(r.Context(), st.Owner.ID)
	if err != nil {
		return p, err
	}
	for _, i := range invitations {
		item := invitationItem{i, "Whoever has the link", roleWords[i.Role]}
		if who := i.User + i.Email; who != "" {
			item.For = who
		}
		p.Invitations = append(p.Invitations, item)
	}
	requests, next, err := a.Orgs.JoinRequests(r.Context(), st.Owner.ID, hub.Page{Limit: requestsOnPage})
	for _, q := range requests {
		p.Requests = append(p.Requests, requestItem{q, "/" + escape(q.Name), roleChoices(grantedRoles, hub.RoleRead)})
	}
	p.More = next != ""
	return p, err
}

func (a *API) invitationsPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newInvitationsPage(r)
	if err != nil {
		return err
	}
	if c, err := r.Cookie(shownCookie); err == nil && len(c.Value) == codeLength && !strings.ContainsFunc(c.Value, notCode) {
		st := httpd.Of(r)
		p.Shown = st.Origin + invitationPath + "?code=" + c.Value
		showOnce(w, r, orgPath(st.Owner.Name, "invitations"), "", -1)
		w.Header().Set("Cache-Control", "no-store")
	}
	return write(w, r, http.StatusOK, "invitations", p)
}

func notCode(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
}

func (a *API) invite(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	path := orgPath(st.Owner.Name, "invitations")
	n, err := newInvitation(form)
	var i *org.Invitation
	var code string
	if err == nil {
		n.By = st.Actor.UserID
		i, code, err = a.Orgs.Invite(r.Context(), st.Owner.ID, n)
	}
	if errs.Is(err, errs.NotFound) {
		err = errs.New(errs.Unprocessable, "There is no user of this name")
	}
	if err == nil {
		if i.User == "" && i.Email == "" {
			showOnce(w, r, path, code, shownFor)
		}
		seeOther(w, path+"?done=invited")
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newInvitationsPage(r)
	if err != nil {
		return err
	}
	p.Who.Value, p.Who.Problem, p.Who.Focus = form.Get("who"), text, true
	p.Uses.Value, p.Life, p.Roles = form.Get("uses"), form.Get("life"), roleChoices(grantedRoles, hub.Role(form.Get("role")))
	return write(w, r, status, "invitations", p)
}

func newInvitation(form url.Values) (n org.NewInvitation, err error) {
	n.Role = hub.Role(form.Get("role"))
	for _, l := range invitationLives {
		if l.Days == form.Get("life") {
			n.Life = l.life
		}
	}
	switch who := strings.TrimSpace(form.Get("who")); {
	case strings.Contains(who, "@"):
		n.Email = who
		return n, nil
	case who != "":
		n.User = who
		return n, nil
	}
	if uses := form.Get("uses"); uses != "" {
		if n.MaxUses, err = strconv.ParseInt(uses, 10, 64); err != nil {
			err = errs.New(errs.Invalid, "How many may use the link is a number, 1 to %d", org.MaxInvitationUses)
		}
	}
	return n, err
}

func (a *API) revokeInvitation(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	if err := a.Orgs.Revoke(r.Context(), st.Owner.ID, httpd.Param(r, "invitation")); err != nil {
		return err
	}
	seeOther(w, orgPath(st.Owner.Name, "invitations")+"?done=uninvited")
	return nil
}

func (a *API) answerJoinRequest(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	id, err := a.orgUser(r)
	if err != nil {
		return err
	}
	st, said := httpd.Of(r), "approved"
	if form.Get("decision") == "approve" {
		err = a.Orgs.ApproveRequest(r.Context(), st.Owner.ID, id, hub.Role(form.Get("role")))
	} else {
		said, err = "denied", a.Orgs.DenyRequest(r.Context(), st.Owner.ID, id)
	}
	if err != nil {
		return err
	}
	seeOther(w, orgPath(st.Owner.Name, "invitations")+"?done="+said)
	return nil
}

// until is the day on which something ends.
func until(t time.Time) string { return t.Format("2 January 2006, 15:04 UTC") }
