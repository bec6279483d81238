package git

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/hub"
)

// AdvertisedRef is a ref as a server tells it.
type AdvertisedRef struct {
	Name   string
	OID    hub.OID
	Peeled hub.OID // what an annotated tag stands for in the end; zero: not a tag
}

// Advertisement is what a server says first.
type Advertisement struct {
	Refs  []AdvertisedRef // in the order of their names
	Head  string          // the ref that HEAD stands for; it need not exist
	Agent string          // "cairn/1.0"
}

func (a *Advertisement) head() (AdvertisedRef, bool) {
	i, ok := slices.BinarySearchFunc(a.Refs, a.Head, func(r AdvertisedRef, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return AdvertisedRef{}, false
	}
	return a.Refs[i], true
}

// UploadV2 is what a version 2 server answers to a fetch's first request. The refs come later, by ls-refs.
func (a *Advertisement) UploadV2() []byte {
	b := AppendPkt(nil, "version 2\n")
	for _, c := range []string{"agent=" + a.Agent, "ls-refs=unborn", "fetch=shallow wait-for-done filter", "server-option", "object-format=sha1"} {
		b = AppendPkt(b, c+"\n")
	}
	return AppendFlush(b)
}

// Upload is what a version 0 server answers to a fetch's first request, where each request stands for itself.
func (a *Advertisement) Upload() []byte { return a.upload(" no-done") }

// UploadDialog is Upload where both sides remember what was said.
func (a *Advertisement) UploadDialog() []byte { return a.upload("") }

func (a *Advertisement) upload(more string) []byte {
	caps := "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative no-progress include-tag multi_ack_detailed" + more
	head, ok := a.head()
	if ok {
		caps += " symref=HEAD:" + a.Head
	}
	caps += " filter object-format=sha1 agent=" + a.Agent
	var list []AdvertisedRef
	if ok {
		list = append(list, AdvertisedRef{Name: "HEAD", OID: head.OID})
	}
	return appendRefs(nil, append(list, a.Refs...), caps, true)
}

// Receive is what a server answers to a push's first request.
func (a *Advertisement) Receive() []byte {
	return appendRefs(nil, a.Refs, "report-status delete-refs side-band-64k quiet atomic ofs-delta object-format=sha1 agent="+a.Agent, false)
}

// appendRefs writes version 0's list; the capabilities stand behind the first name.
func appendRefs(b []byte, refs []AdvertisedRef, caps string, peel bool) []byte {
	if len(refs) == 0 {
		refs = []AdvertisedRef{{Name: "capabilities^{}"}}
	}
	for _, r := range refs {
		line := r.OID.String() + " " + r.Name
		if caps != "" {
			line += "\x00" + caps
			caps = ""
		}
		b = AppendPkt(b, line+"\n")
		if peel && !r.Peeled.IsZero() {
			b = AppendPkt(b, r.Peeled.String()+" "+r.Name+"^{}\n")
		}
	}
	return AppendFlush(b)
}

// LsRefs answers version 2's ls-refs.
func (a *Advertisement) LsRefs(q *UploadRequest) []byte {
	var b []byte
	head, ok := a.head()
	head.Name = "HEAD"
	switch line := head.OID.String() + " HEAD"; {
	case !q.wants("HEAD"):
	case ok:
		b = q.appendRef(b, line, a.Head, hub.OID{})
	case q.Unborn:
		b = q.appendRef(b, "unborn HEAD", a.Head, hub.OID{})
	}
	for _, r := range a.Refs {
		if q.wants(r.Name) {
			b = q.appendRef(b, r.OID.String()+" "+r.Name, "", r.Peeled)
		}
	}
	return AppendFlush(b)
}

func (q *UploadRequest) appendRef(b []byte, line, symref string, peeled hub.OID) []byte {
	if q.Symrefs && symref != "" {
		line += " symref-target:" + symref
	}
	if q.Peel && !peeled.IsZero() {
		line += " peeled:" + peeled.String()
	}
	return AppendPkt(b, line+"\n")
}

// The commands of an UploadRequest.
const (
	CommandNone   = ""        // an empty request, by which clients try their credentials
	CommandLsRefs = "ls-refs" // version 2 only
	CommandFetch  = "fetch"
)

// UploadRequest is what a client asks of the serving side of a fetch.
type UploadRequest struct {
	Command string
	Wants   []hub.OID // of a fetch
	Shallow []hub.OID // commits without whose parents the client has its history

	// Completes: the client may get the parents of Shallow whatever its wants reach. git asks no more of those: to an
	// infinite depth it sends them all, and when depths are relative it lets those pass that it could not judge.
	Completes bool

	done, ofsDelta, partial bool
	IncludeTag              bool // tags of what is sent are wanted, too

	Peel, Symrefs, Unborn bool // of ls-refs
	Prefixes              []string
}

func (q *UploadRequest) wants(name string) bool {
	return len(q.Prefixes) == 0 || slices.ContainsFunc(q.Prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// Whole reports whether a fetch is for all that its wants reach, as a clone asks: the client has nothing, cuts nothing
// off, and reads what every git of this century does.
func (q *UploadRequest) Whole() bool {
	return q.Command == CommandFetch && q.done && q.ofsDelta && !q.partial && len(q.Wants) > 0
}

// Bounds of an UploadRequest.
const (
	maxWants    = 1 << 20
	maxShallow  = 100_000 // and of a PushRequest
	maxPrefixes = 1 << 16 // git itself asks for everything when there are more
)

// ParseUploadV2 reads one request of version 2, up to the flush that ends it.
func ParseUploadV2(p *PktReader) (*UploadRequest, error) {
	q := &UploadRequest{}
	for args := false; ; {
		kind, line, err := p.Line()
		switch {
		case err == io.EOF && q.Command == CommandNone, err == nil && kind == PktFlush:
			return q, nil
		case err == io.EOF:
			return nil, malformed("request without an end")
		case err != nil:
			return nil, err
		case kind == PktDelim:
			args = true
			continue
		case kind != PktData:
			return nil, malformed("request with an end of an answer")
		}
		if args {
			err = q.argument(line)
		} else {
			err = q.capability(line)
		}
		if err != nil {
			return nil, err
		}
	}
}

func (q *UploadRequest) capability(line string) error {
	if format, ok := strings.CutPrefix(line, "object-format="); ok && format != "sha1" {
		return fmt.Errorf("%w: object-format=%s; this is a sha1 repository", ErrUnsupported, format)
	}
	command, ok := strings.CutPrefix(line, "command=")
	switch {
	case !ok:
		return nil
	case command != CommandLsRefs && command != CommandFetch:
		return fmt.Errorf("%w: the command %q", ErrUnsupported, command)
	case q.Command != CommandNone:
		return malformed("two commands in one request")
	}
	q.Command = command
	return nil
}

func (q *UploadRequest) argument(line string) error {
	prefix, isPrefix := strings.CutPrefix(line, "ref-prefix ")
	switch {
	case q.Command == CommandFetch:
		return q.want(line)
	case line == "peel":
		q.Peel = true
	case line == "symrefs":
		q.Symrefs = true
	case line == "unborn":
		q.Unborn = true
	case isPrefix && len(q.Prefixes) >= maxPrefixes:
		return ErrLimit
	case isPrefix:
		q.Prefixes = append(q.Prefixes, prefix)
	}
	return nil
}

// want notes what a line asks for. git takes the forty digits and ignores what stands behind them.
func (q *UploadRequest) want(line string) error {
	arg, ok := strings.CutPrefix(line, "want")
	q.Completes = q.Completes || strings.Contains(line, "deepen-relative") // in version 0 behind any want
	if !ok {
		return q.option(line)
	}
	if len(arg) < 41 || arg[0] != ' ' {
		return malformed("want line %q", line)
	}
	oid, err := hub.ParseOID(arg[1:41])
	if err != nil {
		return malformed("want line %q", line)
	}
	if len(q.Wants) == maxWants {
		return ErrLimit
	}
	if len(q.Wants) == 0 && len(arg) > 41 { // version 0: capabilities stand behind the first
		q.wantCapabilities(strings.Fields(arg[41:]))
	}
	q.Wants = append(q.Wants, oid)
	return nil
}

func (q *UploadRequest) wantCapabilities(caps []string) {
	q.ofsDelta = slices.Contains(caps, "ofs-delta")
	q.IncludeTag = slices.Contains(caps, "include-tag")
	q.partial = q.partial || !slices.Contains(caps, "side-band-64k")
}

// option notes the lines of a fetch that decide whether it is for everything, and what is cut off.
func (q *UploadRequest) option(line string) error {
	switch line {
	case "done":
		q.done = true
	case "ofs-delta":
		q.ofsDelta = true
	case "include-tag":
		q.IncludeTag = true
	case "thin-pack", "no-progress":
	default:
		q.partial = true
	}
	if depth, ok := strings.CutPrefix(line, "deepen "); ok {
		q.Completes = q.Completes || !plainDepth(depth)
	}
	oid, ok := strings.CutPrefix(line, "shallow ")
	if !ok {
		return nil
	}
	return q.shallow(oid)
}

// plainDepth reports whether nobody can read a depth as anything but a number that is far from infinite. git takes
// octal and hex, signs and blanks, and cuts numbers to 32 bits.
func plainDepth(s string) bool {
	return len(s) > 0 && len(s) < 10 && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}

// shallow notes a commit. git takes the forty digits and ignores what stands behind them.
func (q *UploadRequest) shallow(arg string) error {
	oid, err := hub.ParseOID(arg[:min(len(arg), 40)])
	if err != nil {
		return malformed("shallow line %q", arg)
	}
	if len(q.Shallow) == maxShallow {
		return fmt.Errorf("%w: more than %d shallow commits", ErrLimit, maxShallow)
	}
	q.Shallow = append(q.Shallow, oid)
	return nil
}

// ParseUpload reads a request of version 0 to the end of the body.
func ParseUpload(p *PktReader) (*UploadRequest, error) {
	q := &UploadRequest{}
	for {
		kind, line, err := p.Line()
		if err == io.EOF {
			return q, nil
		}
		if err == nil && kind == PktData {
			q.Command = CommandFetch
			err = q.want(line)
		}
		if err != nil {
			return nil, err
		}
	}
}

// ParseWants reads what a client of version 0 wants, up to the packet that ends it: on a connection of its own the client
// then says what it has.
func ParseWants(p *PktReader) (*UploadRequest, error) {
	q := &UploadRequest{}
	for {
		kind, line, err := p.Line()
		if err == io.EOF && q.Command == CommandNone || err == nil && kind != PktData {
			return q, nil
		}
		if err == io.EOF {
			err = malformed("request without an end")
		}
		if err == nil {
			q.Command = CommandFetch
			err = q.want(line)
		}
		if err != nil {
			return nil, err
		}
	}
}

// RefCommand is one ref that a push wants to move. Zero Old: create it. Zero New: delete it.
type RefCommand struct {
	Name     string
	Old, New hub.OID
}

// PushRequest is what stands before the pack of a push.
type PushRequest struct {
	Commands []RefCommand
	Report   bool // report-status
	SideBand bool // side-band-64k
	Atomic   bool
	Quiet    bool
}

// HasPack reports whether a pack follows: it does unless all that is asked for is to delete.
func (q *PushRequest) HasPack() bool {
	return slices.ContainsFunc(q.Commands, func(c RefCommand) bool { return !c.New.IsZero() })
}

// MaxPushRefs bounds the commands of a PushRequest.
const MaxPushRefs = 10_000

// ErrUnsupported says that a request asks for a part of the protocol that is not offered here.
var ErrUnsupported = errors.New("not offered here")

// ParsePush reads the commands of a push up to the flush behind them. Without any, the client tries its credentials.
// With an error, the request holds what was read before it: how the client wants to be answered.
func ParsePush(p *PktReader) (*PushRequest, error) {
	q := &PushRequest{}
	names := map[string]bool{}
	for shallow := 0; ; {
		kind, line, err := p.Line()
		switch {
		case err == io.EOF && len(q.Commands) == 0, err == nil && kind == PktFlush:
			return q, nil
		case err == io.EOF:
			return q, malformed("push without an end of its commands")
		case err != nil:
			return q, err
		case kind != PktData:
			return q, malformed("push with a packet that fits none")
		}
		if strings.HasPrefix(line, "shallow ") {
			if shallow++; shallow > maxShallow {
				return q, fmt.Errorf("%w: more than %d shallow commits", ErrLimit, maxShallow)
			}
			continue // whether the history is complete, the check of the pack finds out
		}
		if err := q.command(line, names); err != nil {
			return q, err
		}
	}
}

// command takes in one line that is a command; behind the first stand the client's capabilities.
func (q *PushRequest) command(line string, names map[string]bool) error {
	line, caps, first := strings.Cut(line, "\x00")
	if first && len(q.Commands) == 0 {
		if err := q.capabilities(caps); err != nil {
			return err
		}
	}
	if len(q.Commands) == MaxPushRefs {
		return fmt.Errorf("%w: more than %d refs in one push", ErrLimit, MaxPushRefs)
	}
	c, err := parseRefCommand(line)
	if err != nil {
		return err
	}
	if names[c.Name] {
		return malformed("ref %q is named twice", c.Name)
	}
	names[c.Name] = true
	q.Commands = append(q.Commands, c)
	return nil
}

func (q *PushRequest) capabilities(caps string) error {
	for c := range strings.FieldsSeq(caps) {
		switch {
		case c == "report-status":
			q.Report = true
		case c == "side-band-64k":
			q.SideBand = true
		case c == "atomic":
			q.Atomic = true
		case c == "quiet":
			q.Quiet = true
		case c == "push-options":
			return fmt.Errorf("%w: push options", ErrUnsupported)
		case strings.HasPrefix(c, "object-format=") && c != "object-format=sha1":
			return fmt.Errorf("%w: %s; this is a sha1 repository", ErrUnsupported, c)
		}
	}
	return nil
}

// parseRefCommand reads "<old> <new> <name>".
func parseRefCommand(line string) (c RefCommand, err error) {
	if len(line) < 83 || line[40] != ' ' || line[81] != ' ' {
		return c, malformed("push command %q", line)
	}
	if c.Old, err = hub.ParseOID(line[:40]); err == nil {
		c.New, err = hub.ParseOID(line[41:81])
	}
	if c.Name = line[82:]; err != nil || c.Old.IsZero() && c.New.IsZero() {
		return c, malformed("push command %q", line)
	}
	return c, nil
}

// RefStatus is what became of one ref of a push.
type RefStatus struct {
	Name   string
	Reason string // empty: done
}

// AppendReport appends report-status: whether the pack was taken, and each ref.
func AppendReport(b []byte, unpack string, refs []RefStatus) []byte {
	if unpack == "" {
		unpack = "ok"
	}
	b = AppendPkt(b, "unpack "+oneLine(unpack)+"\n")
	for _, r := range refs {
		if r.Reason == "" {
			b = AppendPkt(b, "ok "+r.Name+"\n")
		} else {
			b = AppendPkt(b, "ng "+r.Name+" "+oneLine(r.Reason)+"\n")
		}
	}
	return AppendFlush(b)
}

// oneLine keeps a reason from ending its packet's line, and within bounds.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f {
			return ' '
		}
		return c
	}, s)
	if len(s) > 2000 {
		s = strings.ToValidUTF8(s[:2000], "")
	}
	return s
}
