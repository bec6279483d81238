package authz

import (
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// The texts are part of the contract: clients match on the gate's and on the disabled one's.
const (
	disabledText     = "Access to this resource is disabled."
	anonymousText    = "Not signed in: send an access token in the Authorization header"
	readTokenText    = "This token's role is read: use a token with the role write"
	oneRepoText      = "This proof is good for one repository only"
	accountText      = "This takes a session of the hub's pages, or an access token with the role write"
	appText          = "An application's token administers no hub: use a session, or an access token that you have made"
	readKeyText      = "This deploy key only reads: add one that may write"
	scopedAllText    = "This is not for fine-grained tokens: use a session, or a token with the role read or write"
	scopedRepoText   = "This fine-grained token lacks the permission repo.write on this repository or its owner"
	scopedCreateText = "This fine-grained token lacks the permission repo.write on this namespace"
	scopedGatedText  = "Access to this repository is restricted and this fine-grained token lacks the permission to read the content of gated repositories."
	gatedText        = "Access to this repository is restricted and you are not in the authorized list. Visit the repository's page to ask for access."
	gatedAnonText    = "Access to this repository is restricted. You must have access to it and be authenticated to access it. Please log in."
)

var changeText = map[Right]string{
	RepoWrite:    "You don't have the right to write to this repository",
	RepoSettings: "You don't have the right to change the settings of this repository",
	RepoAdmin:    "You don't have the right to delete or move this repository",
}

func signedIn(actor hub.Actor) error {
	if actor.Anonymous() {
		return errs.New(errs.Unauthenticated, anonymousText)
	}
	return nil
}

// mayChange asks of the proof, not of the user, whether it allows changes.
func mayChange(actor hub.Actor) error {
	if err := signedIn(actor); err != nil {
		return err
	}
	if !actor.MayWrite() && actor.Deploy {
		return errs.New(errs.Forbidden, readKeyText)
	}
	if !actor.MayWrite() {
		return errs.New(errs.Forbidden, readTokenText)
	}
	return nil
}

// mayChangeAll refuses a fine-grained token, which is for single things.
func mayChangeAll(actor hub.Actor) error {
	if err := mayChange(actor); err != nil {
		return err
	}
	if actor.Scopes != nil {
		return errs.New(errs.Forbidden, scopedAllText)
	}
	return nil
}

// anywhere refuses a proof that is good for one repository only.
func anywhere(actor hub.Actor) error {
	if actor.RepoID != "" {
		return errs.New(errs.Forbidden, oneRepoText)
	}
	return nil
}

// ownAccount refuses proofs that are kept for machines, or that open less than all of their user's: they would make
// others that open more.
func ownAccount(actor hub.Actor) error {
	if err := mayChangeAll(actor); err != nil {
		return err
	}
	if actor.Proof != hub.ProofSession && actor.Proof != hub.ProofToken || actor.Barred != nil {
		return errs.New(errs.Forbidden, accountText)
	}
	return nil
}

func siteAdmin(actor hub.Actor) error {
	if err := signedIn(actor); err != nil {
		return err
	}
	if !siteAdminProof(actor) {
		return errs.New(errs.Forbidden, "Only administrators of this hub may do this")
	}
	if actor.Proof == hub.ProofOAuth {
		return errs.New(errs.Forbidden, appText)
	}
	return nil
}

func mayReadContent(actor hub.Actor, s Subject, g grants) error {
	switch {
	case s.Disabled && g.effective != grantSite:
		return errs.New(errs.Forbidden, disabledText)
	case s.Gated == "" || g.effective != grantNone:
		return nil
	case actor.Anonymous():
		return errs.Coded(errs.Forbidden, errs.CodeGatedRepo, gatedAnonText)
	case g.user != grantNone:
		return errs.Coded(errs.Forbidden, errs.CodeGatedRepo, scopedGatedText)
	}
	return errs.Coded(errs.Forbidden, errs.CodeGatedRepo, gatedText)
}

func mayChangeRepo(actor hub.Actor, s Subject, g grants, r Right) error {
	if err := signedIn(actor); err != nil {
		return err
	}
	if g.user < grantAll || actor.Deploy && r != RepoWrite {
		return errs.New(errs.Forbidden, "%s", changeText[r])
	}
	if g.effective < grantAll {
		return errs.New(errs.Forbidden, scopedRepoText)
	}
	if err := mayChange(actor); err != nil {
		return err
	}
	if r == RepoWrite && s.Disabled && g.effective != grantSite {
		return errs.New(errs.Forbidden, disabledText)
	}
	return nil
}

// unknownRight refuses what nobody has thought about.
func unknownRight(r Right) error {
	return &errs.Error{Kind: errs.Internal, Op: "authz", Msg: "no rule for the right " + string(r) + " here"}
}
