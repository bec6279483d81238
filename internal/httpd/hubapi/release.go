package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/release"
)

// releasePlan is what a repository gives up of the versions of its large files.
type releasePlan struct {
	KeepVersions int64            `json:"keepVersions"`
	Acts         bool             `json:"acts"` // false: it is only said
	GraceSeconds int64            `json:"graceSeconds"`
	Count        int              `json:"count"`
	Bytes        int64            `json:"bytes"`
	DueBytes     int64            `json:"dueBytes"`
	Versions     []releaseVersion `json:"versions"` // those of the longest known first, 1000 at most
}

type releaseVersion struct {
	Path  string `json:"path"`
	OID   string `json:"oid"`
	Size  int64  `json:"size"`
	Since string `json:"since,omitempty"` // when it was found to be superfluous
	Due   bool   `json:"due"`
}

func (a *API) releasedVersions(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Release.Plan(r.Context(), httpd.Of(r).Repo)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, releasePlanOf(p))
}

func releasePlanOf(p *release.Plan) releasePlan {
	shown := p.Versions[:min(len(p.Versions), content.MaxLargeFiles)]
	out := releasePlan{KeepVersions: p.Keep, Acts: p.Acts, GraceSeconds: int64(p.Grace.Seconds()), Count: len(p.Versions),
		Bytes: p.Bytes, DueBytes: p.DueBytes, Versions: make([]releaseVersion, len(shown))}
	for i, v := range shown {
		out.Versions[i] = releaseVersion{Path: v.Path, OID: v.SHA256.String(), Size: v.Size, Due: v.Due}
		if !v.Since.IsZero() {
			out.Versions[i].Since = content.Date(v.Since)
		}
	}
	return out
}
