package hubapi

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/audit"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/httpd"
)

func (a *API) auditRoutes() []httpd.Route {
	get := http.MethodGet
	return []httpd.Route{
		{ID: "exportAuditLog", Method: get, Path: "/api/organizations/{name}/audit-log/export", Right: authz.OwnerSettingsRead, Handler: a.exportAuditLog},
		{ID: "listAuditLog", Method: get, Path: "/api/organizations/{name}/audit-log", Right: authz.OwnerSettingsRead, Handler: a.listAuditLog},
	}
}

// ownerQuery is what the caller searches the log of the path's owner for.
func ownerQuery(r *http.Request) (audit.Query, error) {
	q, err := audit.Parse(r.URL.Query().Get("q"), event.Filter{OwnerID: httpd.Of(r).Owner.ID})
	return q.ForAdmins(), err
}

// exportAuditLog writes entries as they are read: an export may hold many thousands.
func (a *API) exportAuditLog(w http.ResponseWriter, r *http.Request) error {
	q, err := ownerQuery(r)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="audit-log-%s-%s.json"`, st.Owner.Name, time.Now().UTC().Format(time.DateOnly)))
	out := bufio.NewWriter(w)
	separator := "["
	err = a.Audit.Export(r.Context(), q, func(e audit.Entry) error {
		e.Author.AvatarURL = AvatarURL(st.Origin, e.Author.User)
		b, err := json.Marshal(e)
		if err == nil {
			_, err = out.WriteString(separator)
		}
		if err == nil {
			_, err = out.Write(b)
		}
		separator = ",\n"
		return err
	})
	if err != nil {
		h.Del("Content-Disposition")
		return err
	}
	end := "]\n"
	if separator == "[" {
		end = "[]\n"
	}
	if _, err := out.WriteString(end); err != nil {
		return err
	}
	return out.Flush()
}

// auditPage is the size of a page of the log, unless the caller wants another.
const auditPage = 100

func (a *API) listAuditLog(w http.ResponseWriter, r *http.Request) error {
	q, err := ownerQuery(r)
	if err != nil {
		return err
	}
	p, err := httpd.PageOf(r, auditPage, event.MaxPage)
	if err != nil {
		return err
	}
	list, next, err := a.Audit.List(r.Context(), q, p)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Author.AvatarURL = AvatarURL(httpd.Of(r).Origin, list[i].Author.User)
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, audit.Show(list))
}
