package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

const maxPreuploadBody = 4 << 20

func (a *API) preupload(w http.ResponseWriter, r *http.Request) error {
	if httpd.Bool(r, "create_pr") {
		return pullRequestsLater()
	}
	snap, err := a.atWhole(r)
	if err != nil {
		return err
	}
	var body struct {
		Files         []content.Candidate `json:"files"`
		GitAttributes *string             `json:"gitAttributes"`
		GitIgnore     *string             `json:"gitIgnore"`
	}
	if err := httpd.ReadJSON(w, r, maxPreuploadBody, &body); err != nil {
		return err
	}
	if len(body.Files) == 0 {
		return errs.New(errs.Invalid, `"files" must name at least one file.`)
	}
	files, err := a.Content.Preupload(r.Context(), snap, body.Files, body.GitAttributes, body.GitIgnore)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"files": files, "commitOid": snap.Commit.String()})
}

func pullRequestsLater() error {
	return errs.Unsupported("Pull requests are not built yet. Commit to a branch instead (revision=…), without create_pr.")
}

// commit reads the operations as they stream in; the head of the answer is written only when the branch has moved.
func (a *API) commit(w http.ResponseWriter, r *http.Request) error {
	if httpd.Bool(r, "create_pr") {
		return pullRequestsLater()
	}
	rev, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	head, ops, err := a.commitBody(w, r)
	if err != nil {
		return err
	}
	oid, err := a.Content.Commit(r.Context(), st.Actor, st.Repo, content.NewCommit{
		Branch: rev, Summary: head.Summary, Description: head.Description, Parent: head.ParentCommit}, ops)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{
		"success": true, "commitOid": oid.String(), "hookOutput": "",
		"commitUrl": st.Origin + "/" + st.Repo.ID().Path() + "/commit/" + oid.String()})
}

func (a *API) createBranch(w http.ResponseWriter, r *http.Request) error {
	name, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	var body struct {
		StartingPoint string `json:"startingPoint"`
		EmptyBranch   bool   `json:"emptyBranch"`
		Overwrite     bool   `json:"overwrite"`
	}
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &body); err != nil {
		return err
	}
	st := httpd.Of(r)
	err = a.Content.CreateBranch(r.Context(), st.Actor, st.Repo, content.NewBranch{
		Name: name, Start: body.StartingPoint, Empty: body.EmptyBranch, Overwrite: body.Overwrite})
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"success": true})
}

func (a *API) deleteBranch(w http.ResponseWriter, r *http.Request) error {
	return a.deleteNamed(w, r, a.Content.DeleteBranch)
}

func (a *API) deleteTag(w http.ResponseWriter, r *http.Request) error {
	return a.deleteNamed(w, r, a.Content.DeleteTag)
}

func (a *API) deleteNamed(w http.ResponseWriter, r *http.Request, del deleteRef) error {
	name, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	st := httpd.Of(r)
	if err := del(r.Context(), st.Actor, st.Repo, name); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"success": true})
}

func (a *API) createTag(w http.ResponseWriter, r *http.Request) error {
	rev, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	var body struct {
		Tag     string `json:"tag"`
		Message string `json:"message"`
	}
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &body); err != nil {
		return err
	}
	st := httpd.Of(r)
	if err := a.Content.CreateTag(r.Context(), st.Actor, st.Repo, rev, body.Tag, body.Message); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"success": true})
}

func (a *API) superSquash(w http.ResponseWriter, r *http.Request) error {
	rev, err := httpd.Segment(r)
	if err != nil {
		return err
	}
	var body struct {
		Message string `json:"message"`
	}
	if err := httpd.ReadJSON(w, r, httpd.MaxJSON, &body); err != nil {
		return err
	}
	st := httpd.Of(r)
	var oid hub.OID
	if oid, err = a.Content.SuperSquash(r.Context(), st.Actor, st.Repo, rev, body.Message); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, map[string]any{"commitId": oid.String()})
}
