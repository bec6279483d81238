package sshd_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/sshd"
	"github.com/cairnhub/cairn/internal/testhub"
)

// patience is how long a test waits for what must come on a machine that does much else.
const patience = 30 * time.Second

// gone waits for the server to close a connection.
func gone(c net.Conn, within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, err := io.Copy(io.Discard, c)
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// Clients that say nothing or stop half way are cut off.
func TestSlowClients(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	key, _ := h.AddKey(alice)
	_, addr := h.OpenSSH(sshd.Limits{Login: 5 * time.Second, Idle: 3 * time.Second}) // an honest client makes it on a busy machine

	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if !gone(silent, patience) {
		t.Error("who never signs in stays")
	}

	idle, err := dial(addr, key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _ = idle.Wait(); time.Since(start) > patience {
		t.Error("who asks nothing stays")
	}
	stuck, err := dial(addr, key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stuck.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	if err := s.Run("git-receive-pack alice/m"); err == nil || time.Since(start) > patience {
		t.Errorf("who says nothing in the middle of a push: %v after %v", err, time.Since(start))
	}

}

// Clients that come in crowds are turned away; others go on.
func TestManyClients(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	key, _ := h.AddKey(alice)
	_, addr := h.OpenSSH(sshd.Limits{PerNetwork: 3, PerUser: 3, Sessions: 2, Tries: 3})

	var waiting []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	if c, err := dial(addr, key.Signer); err == nil { // connections are accepted in their order
		t.Error("a fourth handshake from one address")
		_ = c.Close()
	}
	for _, c := range waiting {
		_ = c.Close()
	}
	var first *ssh.Client
	for start := time.Now(); first == nil; { // until the server has noticed
		if first, _ = dial(addr, key.Signer); first == nil && time.Since(start) > patience {
			t.Fatal("no room after those who waited have gone")
		}
	}
	defer first.Close()

	open := []*ssh.Client{first}
	for range 2 {
		open = append(open, mustDial(t, addr, key.Signer))
	}
	for _, c := range open { // a client is signed in before the server has counted it; who gets an answer is counted
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			t.Fatal(err)
		}
	}
	fourth, err := dial(addr, key.Signer)
	if err == nil {
		if _, err = fourth.NewSession(); err == nil {
			t.Error("a fourth connection of one user")
		}
	}
	for range 2 {
		if _, err := open[0].NewSession(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := open[0].NewSession(); err == nil {
		t.Error("a third command on one connection")
	}

	wrong := []ssh.Signer{h.NewKey().Signer, h.NewKey().Signer, h.NewKey().Signer, key.Signer}
	if _, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{User: "git", Auth: []ssh.AuthMethod{ssh.PublicKeys(wrong...)}, HostKeyCallback: ssh.InsecureIgnoreHostKey()}); err == nil {
		t.Error("a fourth key is tried")
	}
	if got := run(t, open[1], "git-upload-pack alice/m", "0000"); got.status != 0 {
		t.Errorf("another connection: %+v", got)
	}
}

// A client that reads slowly gets all of a large clone, though it has nothing to say for longer than a silent one may; one
// that stops reading, or says nothing in the middle of a fetch while it keeps its connection alive, is cut off.
func TestSlowReadersAndPings(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	noise := make([]byte, 6<<20)
	_, _ = rand.Read(noise)
	for _, name := range []string{"a.txt", "b.txt"} {
		h.Commit(alice, hub.Model, "alice/m", "main", map[string]string{name: name + hex.EncodeToString(noise)[:9_000_000]})
	}
	key, _ := h.AddKey(alice)
	_, addr := h.OpenSSH(sshd.Limits{Idle: 3 * time.Second})
	var refs struct {
		Branches []struct{ TargetCommit string }
	}
	h.JSON(alice, http.MethodGet, "/api/models/alice/m/refs", nil, &refs)
	want := fmt.Sprintf("0032want %s\n", refs.Branches[0].TargetCommit)
	fetch := func(c *ssh.Client, words string) (io.Reader, *ssh.Session) {
		t.Helper()
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		in, _ := s.StdinPipe()
		out, _ := s.StdoutPipe()
		if err := s.Start("git-upload-pack alice/m"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(in, words)
		return out, s
	}

	out, _ := fetch(mustDial(t, addr, key.Signer), want+"00000009done\n")
	got, buf := 0, make([]byte, 128<<10)
	for start := time.Now(); ; {
		n, err := out.Read(buf)
		got += n
		if err != nil {
			if took := time.Since(start); got < 5_000_000 || took < 3*time.Second {
				t.Errorf("a slow reader got %d bytes in %v: %v", got, took, err)
			}
			break
		}
		time.Sleep(60 * time.Millisecond)
	}

	for name, words := range map[string]string{"stops reading": want + "00000009done\n", "says nothing": want + "0000"} {
		c := mustDial(t, addr, key.Signer)
		_, s := fetch(c, words)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = s.Wait()
		}()
		cut := false
		for start := time.Now(); !cut && time.Since(start) < patience; {
			_, _, _ = c.SendRequest("keepalive@openssh.com", true, nil)
			select {
			case <-ended:
				cut = true
			case <-time.After(50 * time.Millisecond):
			}
		}
		if !cut {
			t.Errorf("a client that %s stays", name)
		}
	}
}

// A stop lets the command under way finish, refuses new ones, and cuts what does not end in time.
func TestShutdown(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	key, _ := h.AddKey(alice)
	srv, addr := h.OpenSSH(sshd.Limits{})
	c, idle := mustDial(t, addr, key.Signer), mustDial(t, addr, key.Signer)
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	stdin, _ := s.StdinPipe()
	var out bytes.Buffer
	s.Stdout = &out
	if err := errors.Join(s.Setenv("GIT_PROTOCOL", "version=2"), s.Start("git-upload-pack alice/m")); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		srv.Shutdown(ctx)
	}()
	_ = idle.Wait() // was closed
	if _, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		t.Error("new connections are accepted")
	}
	if got, err := c.NewSession(); err == nil && got.Start("git-upload-pack alice/m") == nil {
		t.Error("new commands are accepted")
	}
	_, _ = io.WriteString(stdin, "0014command=ls-refs\n0000")
	_ = stdin.Close()
	if err := s.Wait(); err != nil || !strings.Contains(out.String(), "refs/heads/main") {
		t.Errorf("the command under way: %v, %q", err, &out)
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("the stop takes long")
	}

	srv, addr = h.OpenSSH(sshd.Limits{})
	c = mustDial(t, addr, key.Signer)
	if s, err = c.NewSession(); err != nil {
		t.Fatal(err)
	}
	_, _ = s.StdinPipe()
	if err := s.Start("git-receive-pack alice/m"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	srv.Shutdown(ctx)
	if took := time.Since(start); took > patience/2 {
		t.Errorf("a command that does not end holds the stop up for %v", took)
	}
}

// Who has connected when the hub begins to stop gets what it came for: at a restart its next try would find the new process,
// but git does not try again.
func TestShutdownServesWhoHasArrived(t *testing.T) {
	h := testhub.New(t)
	alice := h.User("alice")
	h.CreateRepo(alice, hub.Model, "alice/m", false)
	key, _ := h.AddKey(alice)
	srv, addr := h.OpenSSH(sshd.Limits{})
	c := mustDial(t, addr, key.Signer)
	done := make(chan struct{})
	go func() { defer close(done); srv.Shutdown(t.Context()) }()
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			break // it has begun to stop
		}
		_ = conn.Close()
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	s.Stdin = strings.NewReader("0014command=ls-refs\n0000")
	if err := s.Setenv("GIT_PROTOCOL", "version=2"); err != nil {
		t.Fatal(err)
	}
	if out, err := s.Output("git-upload-pack alice/m"); err != nil || !strings.Contains(string(out), "refs/heads/main") {
		t.Errorf("%v, %q", err, out)
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("the stop takes long")
	}
}
