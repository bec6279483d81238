package main

import (
	"context"
	"strings"

	"github.com/cairnhub/cairn/internal/app"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// scopes reads what a fine-grained token is for from the flags --on and --gated; nil when there are none.
func scopes(ctx context.Context, a *app.App, on []string, gated bool) (*hub.Scopes, error) {
	if len(on) == 0 && !gated {
		return nil, nil
	}
	sc := &hub.Scopes{GatedRepos: gated}
	for _, o := range on {
		typ, rest, ok := strings.Cut(o, ":")
		name, permissions, ok2 := strings.Cut(rest, "=")
		if !ok || !ok2 {
			return nil, errs.New(errs.Invalid, "--on is TYPE:NAME=PERMISSION,…, not %q", o)
		}
		id, err := entityID(ctx, a, typ, name)
		if err != nil {
			return nil, err
		}
		s := hub.Scope{Type: typ, ID: id}
		for p := range strings.SplitSeq(permissions, ",") {
			s.Permissions = append(s.Permissions, hub.Permission(p))
		}
		sc.Scoped = append(sc.Scoped, s)
	}
	return sc, nil
}

func entityID(ctx context.Context, a *app.App, typ, name string) (string, error) {
	if typ != hub.EntityUser && typ != hub.EntityOrg {
		r, err := a.Repo(ctx, typ+"s/"+name)
		if err != nil {
			return "", err
		}
		return r.RowID, nil
	}
	o, err := a.Accounts().Namespace(ctx, nil, name)
	if err == nil && string(o.Kind) != typ {
		err = errs.New(errs.NotFound, "There is no %s named %q", typ, name)
	}
	return o.ID, err
}
