package sshd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/event"
	"github.com/cairnhub/cairn/internal/gitserve"
)

// serve is a connection's life: sign in, then commands.
func (s *Server) serve(c *conn) {
	_ = c.SetDeadline(time.Now().Add(s.o.Limits.Login))
	sc, channels, requests, err := ssh.NewServerConn(c, s.config)
	if err != nil {
		s.o.Log.Debug("ssh: nobody signed in", "address", c.RemoteAddr().String(), "error", err)
		return
	}
	_ = c.SetDeadline(time.Time{})
	user := &peer{conn: c, sc: sc, userID: sc.Permissions.Extensions[userExt], proof: sc.Permissions.Extensions[proofExt]}
	if !c.place.signedIn(user.userID) {
		s.o.Log.Info("ssh: a user has too many connections", "user", user.userID, "address", c.RemoteAddr().String())
		return
	}
	go c.watch(s.o.Limits.Idle)
	go ssh.DiscardRequests(requests) // forwarding
	places := make(chan struct{}, s.o.Limits.Sessions)
	var sessions sync.WaitGroup
	defer sessions.Wait() // what is half done when the client goes is not left alone with the database
	for ch := range channels {
		switch {
		case ch.ChannelType() != "session":
			_ = ch.Reject(ssh.Prohibited, "this hub offers git only")
		case !take(places):
			_ = ch.Reject(ssh.ResourceShortage, "too many commands at once on one connection")
		case !c.place.begin(): // of what a client sends unasked, each channel keeps some megabytes
			<-places
			_ = ch.Reject(ssh.ResourceShortage, "too many commands of one user at once")
		default:
			sessions.Go(func() {
				defer func() { <-places }()
				defer c.place.end()
				s.session(user, ch)
			})
		}
	}
}

func take(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// peer is who signed in on a connection, and by what.
type peer struct {
	conn          *conn
	sc            *ssh.ServerConn
	userID, proof string
}

// session serves one channel: settings first, then one command.
func (s *Server) session(user *peer, ch ssh.NewChannel) {
	channel, requests, err := ch.Accept()
	if err != nil {
		return
	}
	defer func() { _ = channel.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // when the client closes the channel
	protocol, begun := "", false
	done := make(chan struct{})
	for requests != nil {
		select {
		case <-done:
			return
		case r, ok := <-requests:
			if !ok {
				if begun {
					cancel()
					<-done
				}
				return
			}
			switch {
			case r.Type == "env":
				value, known := gitProtocol(r.Payload)
				if known && !begun {
					protocol = value
				}
				_ = r.Reply(known && !begun, nil)
			case begun || r.Type != "exec" && r.Type != "shell":
				_ = r.Reply(false, nil)
			default:
				begun = user.conn.begin()
				_ = r.Reply(begun, nil)
				if !begun {
					return
				}
				go func() {
					defer close(done)
					defer user.conn.end()
					s.run(ctx, user, channel, r, protocol)
				}()
			}
		}
	}
}

// gitProtocol reads the one variable that is taken from clients.
func gitProtocol(payload []byte) (value string, ok bool) {
	var v struct{ Name, Value string }
	if ssh.Unmarshal(payload, &v) != nil || v.Name != "GIT_PROTOCOL" || len(v.Value) > 256 {
		return "", false
	}
	return v.Value, true
}

// run runs what a channel was opened for, and tells its end.
func (s *Server) run(ctx context.Context, user *peer, channel ssh.Channel, r *ssh.Request, protocol string) {
	start := time.Now()
	cause := &event.Origin{Addr: user.conn.addr(), UserAgent: string(user.sc.ClientVersion())}
	ctx = event.WithOrigin(ctx, cause)
	e := &exchange{ctx: ctx, cause: cause, user: user, client: newClient(user.conn, channel), v2: gitserve.Version2(protocol)}
	watch, done := context.WithCancel(ctx)
	defer done()
	go e.client.watch(watch, s.o.Limits.Idle)
	err := s.perform(e, r)
	if err != nil {
		e.client.say(gitserve.Message(err))
	}
	status := struct{ Status uint32 }{}
	if err != nil {
		status.Status = 1
	}
	s.record(e, time.Since(start), err)
	_ = channel.CloseWrite()
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(&status))
}

func (s *Server) perform(e *exchange, r *ssh.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &errs.Error{Kind: errs.Internal, Op: "sshd", Msg: fmt.Sprint("panic: ", p)}
		}
	}()
	if r.Type == "shell" {
		e.command.name = "greet"
		return s.greet(e)
	}
	var line struct{ Command string }
	if err := ssh.Unmarshal(r.Payload, &line); err != nil {
		return errNoCommand()
	}
	var ok bool
	if e.command, ok = parseCommand(line.Command); !ok {
		return errNoCommand()
	}
	switch e.command.name {
	case gitserve.UploadPack:
		return s.upload(e)
	case gitserve.ReceivePack:
		return s.receive(e)
	}
	return s.lfs(e)
}

func errNoCommand() error {
	return errs.New(errs.Invalid, "This hub runs git-upload-pack, git-receive-pack and git-lfs-authenticate, each with the path of a repository, and nothing else")
}

// record writes the log's line: who, what, how it ended, and nothing that opens a door.
func (s *Server) record(e *exchange, took time.Duration, err error) {
	level, text := slog.LevelInfo, ""
	if err != nil {
		text = err.Error()
		if errs.KindOf(err) == errs.Internal && !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
			level = slog.LevelError
		}
	}
	s.o.Log.Log(e.ctx, level, "ssh", "command", e.command.name, "path", clip(e.command.path), "user", e.actor.Name, "proof", e.user.proof,
		"address", e.user.conn.RemoteAddr().String(), "in", e.client.in.Load(), "out", e.client.out.Load(), "ms", took.Milliseconds(), "error", text)
}

func clip(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strings.ToValidUTF8(s, "?")
}
