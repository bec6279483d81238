package httpd

import (
	"io"
	"net/http"
	"time"
)

const (
	// lingerTime is how long the rest of a body is taken after it was refused.
	lingerTime = time.Second
	// serverTakes is how much of such a rest the HTTP server reads by itself, from clients that keep their connections.
	serverTakes = 256 << 10
)

// lingers reports whether a client still sends a body that an error answers, and more of it than the HTTP server would take.
// Closing the connection then would reset it, and most clients would see a broken connection instead of the answer.
func (x *exchange) lingers(r *http.Request) bool {
	long := r.ContentLength < 0 || r.ContentLength > serverTakes || r.Close && r.ContentLength > 0
	return long && !x.body.ended && r.ProtoMajor == 1 && r.Header.Get("Expect") == "" &&
		x.rc.EnableFullDuplex() == nil // else the server reads or closes before it answers
}

// linger sends what was answered and takes what still comes, until the client has stopped or the time is up.
func (x *exchange) linger() {
	if x.rc.Flush() != nil || x.rc.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, x.body.ReadCloser)
}

// refuse renders an error and sees to it that it arrives.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	x, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if !ok || !x.lingers(r) {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Connection", "close")
	s.fail(w, r, err)
	x.linger()
}
