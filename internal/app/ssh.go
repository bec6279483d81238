package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/httpd/lfsapi"
	"github.com/cairnhub/cairn/internal/sshd"
)

// SSH builds the hub's door for git over SSH. port is where this process serves HTTP: git-lfs is sent there when the hub's
// URL is not configured. Limits are the usual ones where they are zero.
func (a *App) SSH(ctx context.Context, port string, limits sshd.Limits) (*sshd.Server, error) {
	authorities, err := readAuthorities(a.cfg.SSHCAKeys)
	if err != nil {
		return nil, err
	}
	credentials, err := lfsapi.OpenCredentials(ctx, a.accounts.Secret, a.db.Now)
	if err != nil {
		return nil, err
	}
	return sshd.New(ctx, sshd.Options{
		Accounts: a.accounts, Authz: a.authz, Repos: a.repos, Git: a.gitServer(), Log: a.log, SiteName: a.cfg.SiteName,
		Authorities: authorities, LFS: credentials.Mint, Origin: a.origin(port), Limits: limits,
	})
}

// origin is the hub's URL for who reached this machine at an address of it.
func (a *App) origin(port string) func(net.Addr) string {
	return func(local net.Addr) string {
		if a.cfg.URL != "" {
			return a.cfg.URL
		}
		host, _, err := net.SplitHostPort(local.String())
		if err != nil {
			host = "localhost"
		}
		return scheme(a.cfg) + net.JoinHostPort(host, port)
	}
}

const maxAuthorities = 1 << 20 // bytes of the file

func readAuthorities(path string) ([]ssh.PublicKey, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("ssh-ca-keys: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAuthorities))
	if err != nil {
		return nil, fmt.Errorf("ssh-ca-keys: %w", err)
	}
	keys, err := sshd.ParseAuthorities(b)
	if err != nil {
		return nil, fmt.Errorf("ssh-ca-keys: %s: %w", path, err)
	}
	return keys, nil
}

// sshDoor is the door and its listener; nil when the hub offers no SSH.
type sshDoor struct {
	srv *sshd.Server
	ln  net.Listener
}

func (a *App) openSSH(ctx context.Context, httpAddr net.Addr, process *process) (*sshDoor, error) {
	if a.cfg.SSHListen == "" {
		return nil, nil //nolint:nilnil // switched off
	}
	_, port, err := net.SplitHostPort(httpAddr.String())
	if err != nil {
		return nil, err
	}
	srv, err := a.SSH(ctx, port, sshd.Limits{})
	if err != nil {
		return nil, err
	}
	ln, err := process.listen(config.SocketSSH, a.cfg.SSHListen)
	if err != nil {
		return nil, fmt.Errorf("%w: choose another address with --ssh-listen", err)
	}
	return &sshDoor{srv, ln}, nil
}

func (d *sshDoor) serve() error {
	if err := d.srv.Serve(d.ln); !errors.Is(err, sshd.ErrClosed) {
		return err
	}
	return nil
}

// shutdown lets commands that run finish for a while.
func (d *sshDoor) shutdown(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	d.srv.Shutdown(ctx)
}

// greet tells where to clone from, and by what the hub is known.
func (d *sshDoor) greet(out io.Writer, cfg *config.Config) {
	host, port, _ := net.SplitHostPort(d.ln.Addr().String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	if u := hostOf(cfg.URL); u != "" {
		host = u
	}
	address := "git@" + host + ":namespace/name"
	if port != "22" {
		address = "ssh://git@" + net.JoinHostPort(host, port) + "/namespace/name"
	}
	fmt.Fprintf(out, "Git over SSH: %s\n", address)
	for _, f := range d.srv.Fingerprints() {
		fmt.Fprintf(out, "  host key %s\n", f)
	}
}

func hostOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
