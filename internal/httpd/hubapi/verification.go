package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/verify"
)

// verification is what is said of a signature.
type verification struct {
	Verified bool          `json:"verified"`
	Reason   verify.Reason `json:"reason"`
	Signer   *signer       `json:"signer"`
}

type signer struct {
	User        string `json:"user"`
	Type        string `json:"type"` // gpg, ssh
	KeyID       string `json:"keyId,omitempty"`
	Fingerprint string `json:"fingerprint"`
}

func verificationOf(v verify.Result) *verification {
	out := &verification{Verified: v.Verified, Reason: v.Reason}
	if s := v.Signer; s != nil {
		out.Signer = &signer{User: s.User, Type: string(s.Kind), KeyID: s.KeyID, Fingerprint: s.Fingerprint}
	}
	return out
}

// addVerifications adds to a page of commits who signed them.
func (a *API) addVerifications(r *http.Request, g *gitstore.Repo, list []gitstore.CommitInfo, out []commitItem) error {
	results, err := a.Verify.Commits(r.Context(), g, list)
	if err != nil {
		return err
	}
	for i, v := range results {
		out[i].Verification = verificationOf(v)
	}
	return nil
}

// refVerified is a ref, and of an annotated tag who signed it.
type refVerified struct {
	content.Ref
	Verification *verification `json:"verification,omitempty"`
}

type refsVerified struct {
	*content.Refs
	Tags []refVerified `json:"tags"`
}

func (a *API) refsVerified(w http.ResponseWriter, r *http.Request, refs *content.Refs) error {
	g, err := a.Content.Git(r.Context(), httpd.Of(r).Repo)
	if err != nil {
		return err
	}
	oids := make([]hub.OID, len(refs.Tags))
	for i, t := range refs.Tags {
		oids[i] = t.Object
	}
	results, err := a.Verify.Tags(r.Context(), g, oids)
	if err != nil {
		return err
	}
	out := refsVerified{Refs: refs, Tags: make([]refVerified, len(refs.Tags))}
	for i, t := range refs.Tags {
		out.Tags[i].Ref = t
		if v, ok := results[oids[i]]; ok {
			out.Tags[i].Verification = verificationOf(v)
		}
	}
	return httpd.JSON(w, r, http.StatusOK, out)
}
