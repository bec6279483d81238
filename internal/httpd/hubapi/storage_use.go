package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/quota"
)

// quotaShare is what is used of a quota. Limit is nil when there is none.
type quotaShare struct {
	Used  int64  `json:"used"`
	Limit *int64 `json:"limit"`
	Own   bool   `json:"own"` // the limit is the owner's own, not the hub's default
}

func shareOf(s quota.Share) quotaShare {
	return quotaShare{Used: s.Used, Limit: limitOf(s.Limit), Own: s.Own != nil}
}

func limitOf(limit int64) *int64 {
	if limit < 0 {
		return nil
	}
	return &limit
}

type sharingAnswer struct {
	Files  int64 `json:"files"`
	Chunks int64 `json:"chunks"`
}

type quotaAnswer struct {
	Private quotaShare     `json:"private"`
	Public  quotaShare     `json:"public"`
	Sharing *sharingAnswer `json:"sharing,omitempty"`
}

// ownerQuota says what an owner stores and may; with sharing also how much of it is the same.
func (a *API) ownerQuota(w http.ResponseWriter, r *http.Request) error {
	o := httpd.Of(r).Owner
	uses, err := a.Quota.Of(r.Context(), o)
	if err != nil {
		return err
	}
	out := quotaAnswer{Private: shareOf(uses.Private), Public: shareOf(uses.Public)}
	if httpd.Bool(r, "sharing") {
		sh, err := a.Content.Sharing(r.Context(), o.ID)
		if err != nil {
			return err
		}
		out.Sharing = &sharingAnswer{sh.Files, sh.Chunks}
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}

type repoStorageAnswer struct {
	Used  int64  `json:"used"`
	Large int64  `json:"large"`
	Git   int64  `json:"git"`
	Limit *int64 `json:"limit"`
	Own   bool   `json:"own"`
}

func (a *API) repoStorage(w http.ResponseWriter, r *http.Request) error {
	u, err := a.Quota.OfRepo(r.Context(), httpd.Of(r).Repo.RowID)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, repoStorageAnswer{u.Large + u.Packs, u.Large, u.Packs, limitOf(u.Limit), u.Own != nil})
}

// storageFiles lists what a repository stores, the largest first.
func (a *API) storageFiles(w http.ResponseWriter, r *http.Request) error {
	page, err := httpd.PageOf(r, 100, content.MaxLargeFiles)
	if err != nil {
		return err
	}
	list, next, err := a.Content.LargestFiles(r.Context(), httpd.Of(r).Repo, page)
	if err != nil {
		return err
	}
	out := make([]largeItem, len(list))
	for i := range list {
		out[i] = largeOf(&list[i], false)
	}
	httpd.SetNext(w, r, next)
	return httpd.JSON(w, r, http.StatusOK, out)
}

type extentAnswer struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

type rangeAnswer struct {
	Rev     string        `json:"rev"`
	Since   string        `json:"since,omitempty"`
	Tree    extentAnswer  `json:"tree"`
	Range   extentAnswer  `json:"range"`
	Largest []namedAnswer `json:"largest"`
}

type namedAnswer struct {
	Path string `json:"path"`
	OID  string `json:"oid"`
	Size int64  `json:"size"`
}

// rangeStorage says what a range of revisions takes.
func (a *API) rangeStorage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	rev, since := q.Get("rev"), q.Get("since")
	if q.Has("since") && since == "" {
		return errs.New(errs.Invalid, `"since" must name a revision`)
	}
	s, err := a.Content.RangeStorage(r.Context(), httpd.Of(r).Repo, rev, since)
	if err != nil {
		return err
	}
	out := rangeAnswer{Rev: s.To.String(), Tree: extentAnswer{s.Tree.Files, s.Tree.Bytes}, Range: extentAnswer{s.Range.Files, s.Range.Bytes},
		Largest: make([]namedAnswer, len(s.Largest))}
	if !s.From.IsZero() {
		out.Since = s.From.String()
	}
	for i, f := range s.Largest {
		out.Largest[i] = namedAnswer{f.Path, f.SHA256.String(), f.Size}
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}
