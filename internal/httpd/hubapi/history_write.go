package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
)

// moveBody holds the members that all changes of a history share.
type moveBody struct {
	ParentCommit string `json:"parentCommit"`
	DryRun       bool   `json:"dryRun"`
}

func (b moveBody) move(branch string) content.Move {
	return content.Move{Branch: branch, Parent: b.ParentCommit, DryRun: b.DryRun}
}

// moveRequest reads the branch from the path and the body into v.
func moveRequest(w http.ResponseWriter, r *http.Request, v any) (branch string, err error) {
	if branch, err = httpd.Segment(r); err != nil {
		return "", err
	}
	return branch, httpd.ReadJSON(w, r, httpd.MaxJSON, v)
}

func (a *API) mergeBranch(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		moveBody
		From           string              `json:"from"`
		Message        string              `json:"message"`
		FastForward    content.FastForward `json:"fastForward"`
		Squash         bool                `json:"squash"`
		AllowUnrelated bool                `json:"allowUnrelated"`
	}
	branch, err := moveRequest(w, r, &body)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	m, err := a.Content.Merge(r.Context(), st.Actor, st.Repo, content.Merge{Move: body.move(branch), From: body.From, Message: body.Message,
		FastForward: body.FastForward, Squash: body.Squash, Unrelated: body.AllowUnrelated})
	if err != nil {
		return err
	}
	return writeMoved(w, r, m)
}

type pickBody struct {
	moveBody
	Commit   string `json:"commit"`
	Mainline int    `json:"mainline"`
	Message  string `json:"message"`
}

func (b pickBody) pick(branch string) content.Pick {
	return content.Pick{Move: b.move(branch), Commit: b.Commit, Mainline: b.Mainline, Message: b.Message}
}

func (a *API) revertCommit(w http.ResponseWriter, r *http.Request) error {
	var body pickBody
	branch, err := moveRequest(w, r, &body)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	m, err := a.Content.Revert(r.Context(), st.Actor, st.Repo, body.pick(branch))
	if err != nil {
		return err
	}
	return writeMoved(w, r, m)
}

func (a *API) cherryPick(w http.ResponseWriter, r *http.Request) error {
	var body pickBody
	branch, err := moveRequest(w, r, &body)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	m, err := a.Content.CherryPick(r.Context(), st.Actor, st.Repo, body.pick(branch))
	if err != nil {
		return err
	}
	return writeMoved(w, r, m)
}

func (a *API) resetBranch(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		moveBody
		To string `json:"to"`
	}
	branch, err := moveRequest(w, r, &body)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	m, err := a.Content.Reset(r.Context(), st.Actor, st.Repo, body.move(branch), body.To)
	if err != nil {
		return err
	}
	return writeMoved(w, r, m)
}

// writeMoved tells where the branch is. A dry run has no commit to name.
func writeMoved(w http.ResponseWriter, r *http.Request, m *content.Moved) error {
	st := httpd.Of(r)
	out := map[string]any{"success": true, "status": m.Status, "treeOid": m.Tree.String()}
	if !m.Commit.IsZero() {
		out["commitOid"] = m.Commit.String()
		out["commitUrl"] = st.Origin + "/" + st.Repo.ID().Path() + "/commit/" + m.Commit.String()
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}
