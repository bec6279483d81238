package content

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/repo"
)

// Push is what a git client asks for: refs to move, and a pack with what they need.
type Push struct {
	Commands []git.RefCommand
	Atomic   bool // all or nothing
	// Receive takes the pack in. It is called once, if a command needs one, and whatever is thought of the commands:
	// a client reads its answer after it has sent everything.
	Receive func(ctx context.Context) (*gitstore.Incoming, error)
}

// PushResult is what became of a push, for its client.
type PushResult struct {
	Unpack string // why the pack was not taken; empty: it was
	Refs   []git.RefStatus
}

// push is a Push on its way.
type push struct {
	Push
	s      *Service
	actor  hub.Actor
	repo   *repo.Repo
	reason []string // by command; empty: nothing against it so far
	also   []inTx   // names of its large files
}

const (
	otherRefused  = "nothing of this push was taken, because of %s"
	atomicRefused = "the push is atomic and %s was refused"
)

// Push applies to a git push the rules that Commit applies to the API's commits: names, sizes, proof of large files, the
// card. Then one transaction adds the pack and moves the refs. What is wrong with a ref is told in its status; an error
// is the hub's own.
func (s *Service) Push(ctx context.Context, actor hub.Actor, r *repo.Repo, in Push) (*PushResult, error) {
	p := &push{Push: in, s: s, actor: actor, repo: r, reason: make([]string, len(in.Commands))}
	p.checkNames()
	var incoming *gitstore.Incoming
	if slices.ContainsFunc(p.Commands, func(c git.RefCommand) bool { return !c.New.IsZero() }) {
		var err error
		if incoming, err = p.Receive(ctx); err != nil {
			return p.unpackFailed(err)
		}
		defer incoming.Close()
		if err := p.checkObjects(ctx, incoming); err != nil {
			return nil, err
		}
		if err := p.checkLocks(ctx, incoming); err != nil {
			return nil, err
		}
		if err := p.checkReused(ctx, incoming); err != nil {
			return nil, err
		}
	}
	if err := p.land(ctx, incoming); err != nil {
		return nil, err
	}
	return p.result(""), nil
}

func (p *push) result(unpack string) *PushResult {
	out := &PushResult{Unpack: unpack}
	for i, c := range p.Commands {
		out.Refs = append(out.Refs, git.RefStatus{Name: c.Name, Reason: p.reason[i]})
	}
	return out
}

// unpackFailed tells every ref why the pack was not taken.
func (p *push) unpackFailed(err error) (*PushResult, error) {
	msg := said(err)
	if msg == "" {
		return nil, err
	}
	for i := range p.reason {
		if p.reason[i] == "" {
			p.reason[i] = msg
		}
	}
	return p.result(msg), nil
}

// said is the message of an error that its user may read; empty for the hub's own.
func said(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal {
		return e.Msg
	}
	return ""
}

// refuse notes a reason, unless there is one already.
func (p *push) refuse(i int, err error) {
	if p.reason[i] == "" {
		p.reason[i] = said(err)
	}
}

func (p *push) refuseAll(err error) {
	for i := range p.Commands {
		p.refuse(i, err)
	}
}

// refuseRest refuses the commands that nothing is wrong with on account of the first that something is wrong with.
func (p *push) refuseRest(format string, needsPack bool) {
	bad := slices.IndexFunc(p.reason, func(r string) bool { return r != "" })
	if bad < 0 {
		return
	}
	for i, c := range p.Commands {
		if p.reason[i] == "" && (!needsPack || !c.New.IsZero()) {
			p.reason[i] = strings.Replace(format, "%s", p.Commands[bad].Name, 1)
		}
	}
}

// checkNames applies what can be said without the pack and without the refs as they are.
func (p *push) checkNames() {
	for i, c := range p.Commands {
		if err := checkCommand(c, "refs/heads/"+p.repo.DefaultBranch); err != nil {
			p.refuse(i, err)
		}
	}
}

func checkCommand(c git.RefCommand, head string) error {
	short, ok := strings.CutPrefix(c.Name, "refs/heads/")
	if !ok {
		short, ok = strings.CutPrefix(c.Name, "refs/tags/")
	}
	switch {
	case !ok:
		return errs.New(errs.Forbidden, "only branches (refs/heads/) and tags (refs/tags/) can be pushed")
	case c.New.IsZero() && c.Name == head:
		return errs.New(errs.Forbidden, "the default branch cannot be deleted")
	case c.Old.IsZero():
		return CheckRefName(short)
	}
	return nil
}

// current is where the refs are now, and which names there will be when the deletions are done.
type current struct {
	at      map[string]hub.OID
	names   map[string]bool
	folders map[string]bool
}

func (p *push) current(ctx context.Context) (*current, error) {
	refs, err := p.s.git.Refs(ctx, p.s.db, p.repo.RowID, "refs/")
	if err != nil {
		return nil, err
	}
	cur := &current{map[string]hub.OID{}, map[string]bool{}, map[string]bool{}}
	gone := map[string]bool{}
	for i, c := range p.Commands {
		gone[c.Name] = c.New.IsZero() && p.reason[i] == ""
	}
	for _, r := range refs {
		cur.at[r.Name] = r.OID
		if !gone[r.Name] {
			cur.add(r.Name)
		}
	}
	return cur, nil
}

func (cur *current) add(name string) {
	cur.names[name] = true
	for i := strings.LastIndexByte(name, '/'); i > 0; i = strings.LastIndexByte(name[:i], '/') {
		cur.folders[name[:i]] = true
	}
}

// check compares a command with where its ref is.
func (cur *current) check(c git.RefCommand) error {
	at := cur.at[c.Name]
	switch {
	case at != c.Old && c.Old.IsZero():
		return errs.New(errs.Conflict, "the ref exists already; fetch first")
	case at != c.Old:
		return errs.New(errs.Conflict, "the ref has moved meanwhile; fetch first")
	case !c.Old.IsZero():
		return nil
	case len(cur.names) >= gitstore.MaxRefs:
		return gitstore.TooManyRefs()
	case cur.folders[c.Name]:
		return errs.New(errs.Conflict, "there are refs below %s/, so there can be none of this name", c.Name)
	}
	for i := strings.LastIndexByte(c.Name, '/'); i > 0; i = strings.LastIndexByte(c.Name[:i], '/') {
		if cur.names[c.Name[:i]] {
			return errs.New(errs.Conflict, "there is a ref %s, so there can be none below it", c.Name[:i])
		}
	}
	cur.add(c.Name)
	return nil
}

// land moves the refs that nothing is wrong with.
func (p *push) land(ctx context.Context, incoming *gitstore.Incoming) error {
	done, err := p.s.turns.Take(ctx, p.repo.RowID)
	if err != nil {
		return err
	}
	defer done()
	var packs []*gitstore.Pack
	for range commitRetry {
		ups, err := p.updates(ctx)
		if err != nil || len(ups) == 0 {
			return err
		}
		if packs == nil && incoming != nil && slices.ContainsFunc(ups, func(u gitstore.RefUpdate) bool { return !u.New.IsZero() }) {
			pack, err := p.keep(ctx, incoming)
			if overQuota(err) {
				p.refuseAll(err)
				return nil
			}
			if err != nil {
				return err
			}
			packs = append(packs, pack)
		}
		if len(packs) > 0 && len(ups) < len(p.Commands) {
			packs[0].MarkLoose() // it was sent for refs that are refused, too
		}
		err = p.s.publishRefs(ctx, p.actor, p.repo, packs, ups, pushEvent, true, p.also...)
		if err == nil {
			p.s.afterPush(ctx, p.repo, ups)
			return nil
		}
		if errs.Is(err, errs.Invalid) || overQuota(err) { // Invalid: a large file was deleted since it was proved
			p.refuseAll(err)
			return nil
		}
		if !errs.Is(err, errs.Conflict) {
			return err
		}
	}
	return errs.New(errs.Unavailable, "The refs move too fast to push to them; try again.")
}

// updates compares the commands with the refs of now and gives those that can be done.
func (p *push) updates(ctx context.Context) ([]gitstore.RefUpdate, error) {
	cur, err := p.current(ctx)
	if err != nil {
		return nil, err
	}
	for i, c := range p.Commands {
		if p.reason[i] == "" {
			if err := cur.check(c); err != nil {
				p.refuse(i, err)
			}
		}
	}
	if p.Atomic {
		p.refuseRest(atomicRefused, false)
	}
	var ups []gitstore.RefUpdate
	for i, c := range p.Commands {
		if p.reason[i] == "" && c.Old != c.New {
			ups = append(ups, gitstore.RefUpdate{Name: c.Name, Old: c.Old, New: c.New})
		}
	}
	return ups, nil
}

// pushEvent names what a push did to a ref as the API names it.
func pushEvent(up gitstore.RefUpdate) string {
	kind := "branch"
	if strings.HasPrefix(up.Name, "refs/tags/") {
		kind = "tag"
	}
	switch {
	case up.Old.IsZero():
		return "repo." + kind + ".create"
	case up.New.IsZero():
		return "repo." + kind + ".delete"
	}
	return "repo.push"
}

func (s *Service) afterPush(ctx context.Context, r *repo.Repo, ups []gitstore.RefUpdate) {
	if slices.ContainsFunc(ups, func(u gitstore.RefUpdate) bool { return u.Name == "refs/heads/"+r.DefaultBranch }) {
		s.refreshNow(ctx, r.RowID)
	}
}
