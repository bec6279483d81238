package testhub

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/sshd"
)

// SSH is the address of the hub's SSH door, which the first call opens, and its host keys as lines of known_hosts.
func (h *Hub) SSH() (addr string, known []string) {
	h.T.Helper()
	h.ssh.Do(h.openSSH)
	return h.sshAddr, h.sshKeys
}

func (h *Hub) openSSH() {
	h.T.Helper()
	var srv *sshd.Server
	srv, h.sshAddr = h.OpenSSH(sshd.Limits{})
	host, port, _ := net.SplitHostPort(h.sshAddr)
	for _, k := range srv.HostKeys() {
		h.sshKeys = append(h.sshKeys, fmt.Sprintf("[%s]:%s %s", host, port, strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))))
	}
}

// OpenSSH opens one more SSH door, with limits of its own.
func (h *Hub) OpenSSH(limits sshd.Limits) (srv *sshd.Server, addr string) {
	h.T.Helper()
	u, err := url.Parse(h.URL)
	if err != nil {
		h.T.Fatal(err)
	}
	if srv, err = h.App.SSH(h.T.Context(), u.Port(), limits); err != nil {
		h.T.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.T.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	h.T.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		srv.Shutdown(ctx)
		if err := <-done; !errors.Is(err, sshd.ErrClosed) {
			h.T.Error(err)
		}
	})
	return srv, ln.Addr().String()
}

// Key is an SSH key pair: a file with the private half beside one with the public.
type Key struct {
	File   string // the private half; File+".pub" is the other
	Public string // the line of the .pub file
	Signer ssh.Signer
}

// NewKey makes a key in a folder of the test's.
func (h *Hub) NewKey() Key {
	h.T.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		h.T.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		h.T.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		h.T.Fatal(err)
	}
	k := Key{File: filepath.Join(h.T.TempDir(), "id"), Public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))), Signer: signer}
	err = errors.Join(os.WriteFile(k.File, pem.EncodeToMemory(block), 0o600), os.WriteFile(k.File+".pub", []byte(k.Public+"\n"), 0o600))
	if err != nil {
		h.T.Fatal(err)
	}
	return k
}

// AddKey gives a caller a new key, and its id on the hub.
func (h *Hub) AddKey(c Caller) (k Key, id string) {
	h.T.Helper()
	k = h.NewKey()
	return k, h.postKey(c, "/api/user/keys", k, nil)
}

// AddDeployKey gives a repository a new key, and its id on the hub. path is models/ns/name, datasets/ns/name …
func (h *Hub) AddDeployKey(c Caller, path string, write bool) (k Key, id string) {
	h.T.Helper()
	k = h.NewKey()
	return k, h.postKey(c, "/api/"+path+"/keys", k, map[string]any{"write": write})
}

func (h *Hub) postKey(c Caller, path string, k Key, body map[string]any) string {
	h.T.Helper()
	if body == nil {
		body = map[string]any{}
	}
	body["key"], body["title"] = k.Public, "test"
	var out struct{ ID string }
	h.JSON(c, http.MethodPost, path, body, &out)
	return out.ID
}
