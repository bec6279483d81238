package adminapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/cairnhub/cairn/internal/audit"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/site"
)

// hubRoutes are over the hub itself.
func (a *API) hubRoutes() []httpd.Route {
	get := http.MethodGet
	return []httpd.Route{
		{ID: "adminGetSettings", Method: get, Path: "/settings", Handler: a.getSettings},
		{ID: "adminSetSettings", Method: http.MethodPatch, Path: "/settings", Handler: a.setSettings},
		{ID: "adminListJobs", Method: get, Path: "/jobs", Handler: a.listJobs},
		{ID: "adminRetryJob", Method: http.MethodPost, Path: "/jobs/{job}/retry", Handler: a.retryJob},
		{ID: "adminListAudit", Method: get, Path: "/audit", Handler: a.listAudit},
	}
}

func (a *API) getSettings(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Hub.Site.Get(r.Context())
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, s)
}

// setSettings changes the members that the body has.
func (a *API) setSettings(w http.ResponseWriter, r *http.Request) error {
	var in json.RawMessage
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &in); err != nil {
		return err
	}
	s, err := a.Hub.Site.Update(r.Context(), func(s *site.Settings) error {
		d := json.NewDecoder(bytes.NewReader(in))
		d.DisallowUnknownFields()
		if err := d.Decode(s); err != nil {
			return errs.New(errs.Invalid, "Send settings as they are answered, those that are to change: %v", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, s)
}

type jobAnswer struct {
	ID        int64   `json:"id"`
	Kind      string  `json:"kind"`
	State     string  `json:"state"`
	RunAt     *string `json:"runAt"`
	Attempts  int64   `json:"attempts"`
	LastError string  `json:"lastError,omitempty"`
	FailedAt  *string `json:"failedAt,omitempty"`
}

func (a *API) listJobs(w http.ResponseWriter, r *http.Request) error {
	p, err := httpd.PageOf(r, pageSize, jobs.MaxPage)
	if err != nil {
		return err
	}
	state, err := jobs.ParseState(r.URL.Query().Get("state"))
	if err != nil {
		return err
	}
	after, err := number(p.Cursor)
	if err != nil {
		return err
	}
	found, err := a.Hub.Jobs.List(r.Context(), state, after, p.Limit)
	if err != nil {
		return err
	}
	list := make([]jobAnswer, len(found))
	for i, j := range found {
		list[i] = jobAnswer{j.ID, j.Kind, string(j.State), date(j.RunAt), j.Attempts, j.LastError, date(j.FailedAt)}
	}
	if len(list) == p.Limit {
		httpd.SetNext(w, r, strconv.FormatInt(list[len(list)-1].ID, 10))
	}
	return httpd.JSON(w, r, http.StatusOK, list)
}

// number reads a job's id; the empty string is 0.
func number(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, errs.New(errs.Invalid, "%q is no job's number", s)
	}
	return n, nil
}

func (a *API) retryJob(w http.ResponseWriter, r *http.Request) error {
	id, err := number(httpd.Param(r, "job"))
	if err != nil {
		return err
	}
	return ok(w, r, a.Hub.Jobs.Retry(r.Context(), id))
}

func (a *API) listAudit(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	f := event.Filter{}
	if name := v.Get("owner"); name != "" {
		o, err := a.Hub.Accounts.Namespace(r.Context(), nil, name)
		if err != nil {
			return err
		}
		f.OwnerID = o.ID
	}
	q, err := audit.Parse(v.Get("q"), f)
	if err != nil {
		return err
	}
	p, err := httpd.PageOf(r, pageSize, event.MaxPage)
	if err != nil {
		return err
	}
	list, next, err := a.Hub.Audit.List(r.Context(), q, p)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Author.AvatarURL = a.Avatar(httpd.Of(r).Origin, list[i].Author.User)
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, audit.Show(list))
}
