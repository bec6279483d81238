package gitapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/httpd"
)

// maxFetchRequest bounds what a client may say before it gets a pack: a partial clone names each file that it lacks.
const maxFetchRequest = 64 << 20

const uploadResult = "application/x-git-upload-pack-result"

// uploadPack serves ls-refs and fetches.
func (a *API) uploadPack(w http.ResponseWriter, r *http.Request) error {
	body, err := requestBody(w, r, uploadService, maxFetchRequest)
	if err != nil {
		return err
	}
	spool := git.NewSpool("", 1<<20)
	defer spool.Close()
	pkts := git.NewPktReader(io.TeeReader(body, spool), maxFetchRequest)
	parse, v2 := git.ParseUpload, version2(r)
	if v2 {
		parse = git.ParseUploadV2
	}
	q, err := parse(pkts)
	if err != nil {
		return protocolError(err)
	}
	bodyDone(w)
	switch q.Command {
	case git.CommandLsRefs:
		ad, err := a.advertisement(r.Context(), httpd.Of(r).Repo)
		if err != nil {
			return err
		}
		return answer(w, uploadResult, ad.LsRefs(q))
	case git.CommandFetch:
		return a.fetch(w, r, v2, q, spool)
	}
	return answer(w, uploadResult, nil)
}

func (a *API) fetch(w http.ResponseWriter, r *http.Request, v2 bool, q *git.UploadRequest, spool *git.Spool) error {
	st := httpd.Of(r)
	c, err := a.Copies.Use(r.Context(), st.Repo.RowID, headRef(st.Repo))
	if err != nil {
		return err
	}
	defer c.Release()
	if err := c.CheckWants(r.Context(), q.Wants); errs.Is(err, errs.NotFound) {
		return answer(w, uploadResult, git.AppendPkt(nil, "ERR upload-pack: "+message(err)))
	} else if err != nil {
		return err
	}
	var request io.Reader
	if spool.Size() <= 1<<20 {
		var b bytes.Buffer
		if _, err := spool.WriteTo(&b); err != nil {
			return err
		}
		request = &b
	} else {
		pr, pw := io.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, err := spool.WriteTo(pw)
			pw.CloseWithError(err)
		}()
		defer func() {
			_ = pr.Close() // git need not read all
			<-done
		}()
		request = pr
	}
	out := &packAnswer{w: w, rc: http.NewResponseController(w)}
	err = c.UploadPack(r.Context(), v2, request, out)
	_ = out.rc.SetWriteDeadline(time.Time{}) // the connection may serve more
	if err == nil && !out.begun {
		begin(w, uploadResult)
	}
	if err != nil && out.begun { // git has told the client, whose protocol shows where an answer is cut
		a.Log.Info("upload-pack ended early", "request", st.ID, "error", err)
		return nil
	}
	return err
}

// packAnswer begins the answer with the first byte that git writes and sends what there is without waiting for more.
// A client that takes nothing for long is let go.
type packAnswer struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	begun bool
	set   time.Time
}

const writeIdle = 2 * time.Minute

func (p *packAnswer) Write(b []byte) (int, error) {
	if !p.begun {
		p.begun = true
		begin(p.w, uploadResult)
	}
	if now := time.Now(); now.Sub(p.set) > time.Second {
		p.set = now
		_ = p.rc.SetWriteDeadline(now.Add(writeIdle))
	}
	n, err := p.w.Write(b)
	if err == nil {
		err = p.rc.Flush()
	}
	return n, err
}

func message(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Kind != errs.Internal {
		return e.Msg
	}
	return "internal error"
}
