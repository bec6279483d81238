package webui

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/oauth"
)

func (a *API) deviceRoutes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	return []httpd.Route{
		{ID: "devicePage", Method: get, Path: "/device", Right: authz.Account, Handler: a.devicePage},
		{ID: "typeDeviceCode", Method: post, Path: "/device", Right: authz.Account, Handler: a.typeDeviceCode},
		{ID: "consentPage", Method: get, Path: "/device/{request}", Right: authz.Account, Handler: a.consentPage},
		{ID: "decideDevice", Method: post, Path: "/device/{request}", Right: authz.Account, Handler: a.decideDevice},
	}
}

type devicePage struct {
	page
	Code field
}

func newDevicePage(r *http.Request) devicePage {
	return devicePage{page: newPage(r, "Sign in on a device"),
		Code: field{Name: "code", Label: "Code", Max: 20, Autocomplete: "off", Plain: true, Code: true, Focus: true}}
}

func (a *API) devicePage(w http.ResponseWriter, r *http.Request) error {
	return write(w, r, http.StatusOK, "device", newDevicePage(r))
}

// typeDeviceCode leads to the request behind a code. The code has to be typed: no link brings it along, and the page that
// asks for consent opens only to who has typed it.
func (a *API) typeDeviceCode(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	id, err := a.OAuth.Claim(r.Context(), httpd.Of(r).Actor, form.Get("code"), oauth.Origin{Addr: a.addr(r), Agent: r.UserAgent()})
	if err == nil {
		seeOther(w, "/device/"+id)
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p := newDevicePage(r)
	p.Code.Problem = text
	return write(w, r, status, "device", p)
}

type consentPage struct {
	page
	Request   *oauth.Request
	State     string // pending, expired, denied, approved, used
	Role      string
	Elsewhere bool // the device is not where its user is
	Days      int
	Problem   string
}

func (a *API) newConsentPage(r *http.Request) (consentPage, error) {
	st := httpd.Of(r)
	q, err := a.OAuth.Request(r.Context(), st.Actor.UserID, httpd.Param(r, "request"))
	if err != nil {
		return consentPage{}, err
	}
	p := consentPage{page: newPage(r, "Sign in on a device"), Request: q, State: q.State, Role: string(q.Role), Days: int(oauth.AccessLife.Hours() / 24)}
	if q.Expired {
		p.State = "expired"
	}
	if p.Role == "" {
		p.Role = string(hub.TokenRead)
		if q.MayWrite {
			p.Role = string(hub.TokenWrite)
		}
	}
	p.Elsewhere = q.Addr != a.addr(r).Unmap().String()
	return p, nil
}

func (a *API) consentPage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newConsentPage(r)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "consent", p)
}

func (a *API) decideDevice(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	by, id := httpd.Of(r).Actor, httpd.Param(r, "request")
	switch form.Get("decision") {
	case "approve":
		err = a.OAuth.Approve(r.Context(), by, id, hub.TokenRole(form.Get("role")))
	case "deny":
		err = a.OAuth.Deny(r.Context(), by, id)
	default:
		err = errs.New(errs.Unprocessable, "Say whether the device is allowed")
	}
	if err == nil {
		seeOther(w, "/device/"+escape(id))
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newConsentPage(r)
	if err != nil {
		return err
	}
	p.Problem = text
	return write(w, r, status, "consent", p)
}
