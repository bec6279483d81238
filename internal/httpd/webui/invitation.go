package webui

import (
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/org"
)

type invitationPage struct {
	page
	Code    string
	Invite  *org.Invitation
	Role    string
	Until   string
	OrgPath string
	Problem string
}

// invitationPage shows what a code invites to. The code stands in the query, which no log has.
func (a *API) invitationPage(w http.ResponseWriter, r *http.Request) error {
	return a.showInvitation(w, r, http.StatusOK, r.URL.Query().Get("code"), "")
}

func (a *API) showInvitation(w http.ResponseWriter, r *http.Request, status int, code, problem string) error {
	p := invitationPage{page: newPage(r, "Invitation"), Code: code, Problem: problem}
	i, err := a.Orgs.InvitationByCode(r.Context(), code)
	if err == nil {
		p.Invite, p.Role, p.Until, p.OrgPath = i, roleWords[i.Role], until(i.ExpiresAt), "/"+escape(i.OrgName)
	} else if problem == "" {
		var known bool
		if _, p.Problem, known = refused(w, r, err); !known {
			return err
		}
		status = http.StatusUnprocessableEntity
	}
	w.Header().Set("Cache-Control", "no-store")
	return write(w, r, status, "invitation", p)
}

// answerInvitation accepts or declines an invitation, by its code or, from the list of those that name the caller, by its
// id.
func (a *API) answerInvitation(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	me, way := httpd.Of(r).Actor.UserID, org.Way{Code: form.Get("code"), ID: form.Get("invitation")}
	next := "/settings/organizations?done=declined"
	if form.Get("decision") == "accept" {
		next = "/settings/organizations?done=joined"
		_, err = a.Orgs.Accept(r.Context(), me, way)
	} else {
		err = a.Orgs.Decline(r.Context(), me, way)
	}
	if err == nil {
		seeOther(w, next)
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	return a.showInvitation(w, r, status, way.Code, text)
}

type joinRequestPage struct {
	page
	Path, OrgName, OrgPath string
	State                  string // closed, open, waiting, member
	Message                field
	Problem                string
}

const maxRequestMessage = 500

func (a *API) newJoinRequestPage(r *http.Request) (joinRequestPage, error) {
	st := httpd.Of(r)
	o, err := a.Orgs.GetByID(r.Context(), st.Owner.ID)
	if err != nil {
		return joinRequestPage{}, err
	}
	p := joinRequestPage{page: newPage(r, "Join "+o.Name), Path: orgPath(o.Name, "join"), OrgName: o.Name, OrgPath: "/" + escape(o.Name), State: "closed",
		Message: field{Name: "message", Label: "Message to the admins", Rows: 4, Max: maxRequestMessage, Optional: true}}
	if o.JoinRequests {
		p.State = "open"
	}
	if st.Actor.Anonymous() {
		return p, nil
	}
	waits, err := a.Orgs.HasRequested(r.Context(), o.ID, st.Actor.UserID)
	if err != nil {
		return p, err
	}
	member, err := a.Orgs.IsMember(r.Context(), o.ID, st.Actor.UserID)
	switch {
	case member:
		p.State = "member"
	case waits:
		p.State = "waiting"
	}
	return p, err
}

func (a *API) joinRequestPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newJoinRequestPage(r)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "joinRequest", p)
}

func (a *API) joinRequest(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err = a.requestJoin(r, form); err == nil {
		seeOther(w, orgPath(httpd.Of(r).Owner.Name, "join"))
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newJoinRequestPage(r)
	if err != nil {
		return err
	}
	p.Problem, p.Message.Value = text, form.Get("message")
	return write(w, r, status, "joinRequest", p)
}

func (a *API) requestJoin(r *http.Request, form url.Values) error {
	st := httpd.Of(r)
	if form.Get("decision") == "withdraw" {
		return a.Orgs.WithdrawRequest(r.Context(), st.Owner.ID, st.Actor.UserID)
	}
	return a.Orgs.RequestToJoin(r.Context(), st.Owner.ID, st.Actor.UserID, form.Get("message"))
}
