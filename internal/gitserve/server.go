package gitserve

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/repo"
)

// The services that a client may ask for.
const (
	UploadPack  = "git-upload-pack"
	ReceivePack = "git-receive-pack"
)

// Server serves them. It is safe for concurrent use.
type Server struct {
	Copies  *gitstore.Copies
	Content *content.Service
	Version string // told to clients as the agent
}

// Conn is a client, as its door has it.
type Conn interface {
	io.Reader // what the client sends
	io.Writer // what it gets
	// Flush sends on what was written without waiting for more.
	Flush()
	// ReadDone says that all has been read: work on the answer may take longer than a client may be silent.
	ReadDone()
	// Drain reads the rest of a request that is refused, within bounds, so that the client comes to read why. False: that
	// rest has no end.
	Drain() bool
}

// Advertise is what a client is told first.
func (s *Server) Advertise(ctx context.Context, r *repo.Repo, service string, v2 bool) ([]byte, error) {
	if v2 && service == UploadPack {
		ad := &git.Advertisement{Agent: s.agent()}
		return ad.UploadV2(), nil
	}
	ad, err := s.advertisement(ctx, r)
	if err != nil {
		return nil, err
	}
	if service == UploadPack {
		return ad.Upload(), nil
	}
	return ad.Receive(), nil
}

func (s *Server) agent() string { return "cairn/" + s.Version }

func (s *Server) advertisement(ctx context.Context, r *repo.Repo) (*git.Advertisement, error) {
	tips, err := s.Copies.Tips(ctx, r.RowID)
	if err != nil {
		return nil, err
	}
	return &git.Advertisement{Refs: tips.Refs, Head: headRef(r), Agent: s.agent()}, nil
}

func headRef(r *repo.Repo) string { return "refs/heads/" + r.DefaultBranch }

// Version2 reads what a client says of the protocol's version (Git-Protocol, GIT_PROTOCOL). Version 1 is version 0 with
// another first line, which no server owes.
func Version2(protocol string) bool {
	for part := range strings.SplitSeq(protocol, ":") {
		if strings.TrimSpace(part) == "version=2" {
			return true
		}
	}
	return false
}

// Message is what a client's user may read of an error.
func Message(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal {
		return e.Msg
	}
	return "internal error"
}

// protocolError gives the errors of a request that is not what the protocol says their kinds.
func protocolError(err error) error {
	switch {
	case errors.Is(err, git.ErrLimit):
		return errs.New(errs.TooLarge, "The request asks for more than this hub does at once%s.", detail(err, git.ErrLimit))
	case errors.Is(err, git.ErrUnsupported):
		return errs.New(errs.Invalid, "This hub does not offer what the request asks for%s.", detail(err, git.ErrUnsupported))
	case errors.Is(err, git.ErrMalformed):
		return errs.New(errs.Invalid, "The request is not what git's protocol says: %v", err)
	case errs.KindOf(err) != errs.Internal:
		return err
	}
	return &errs.Error{Kind: errs.Invalid, Op: "gitserve", Msg: "The request could not be read to its end.", Err: err}
}

// detail is what an error says beyond its kind, behind a colon.
func detail(err, kind error) string { return strings.TrimPrefix(err.Error(), kind.Error()) }
