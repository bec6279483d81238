package adminapi

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/audit"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/jobs"
	"github.com/cairnhub/cairn/internal/org"
	"github.com/cairnhub/cairn/internal/quota"
	"github.com/cairnhub/cairn/internal/repo"
	"github.com/cairnhub/cairn/internal/site"
)

// Hub is what administrators govern.
type Hub struct {
	Accounts *account.Service
	Orgs     *org.Service
	Repos    *repo.Service
	Quota    *quota.Service
	Site     *site.Service
	Jobs     *jobs.Queue
	Audit    *audit.Service
}

const prefix = "/api/admin"

// adminRoutes are for administrators of the hub, all of them.
func (a *API) adminRoutes() []httpd.Route {
	rts := slices.Concat(a.userRoutes(), a.proofRoutes(), a.entranceRoutes(), a.contentRoutes(), a.hubRoutes())
	for i := range rts {
		rts[i].Path = prefix + rts[i].Path
		rts[i].Right = authz.SiteAdmin
		if rts[i].Method == http.MethodGet {
			rts[i].Right = authz.SiteRead
		}
	}
	return rts
}

const pageSize = 100

// flag reads a query parameter that picks, true or false; nil when it is not given.
func flag(r *http.Request, name string) (*bool, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return nil, nil //nolint:nilnil // not given
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return nil, errs.New(errs.Invalid, "%s must be true or false, not %q", name, v)
	}
	return &b, nil
}

// date prints a time as the Hub does; nil for none.
func date(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

type done struct {
	Success bool `json:"success"`
}

// ok answers what was done when there is nothing else to say.
func ok(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, done{true})
}
