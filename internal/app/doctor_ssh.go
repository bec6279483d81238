package app

import (
	"context"
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// ssh connects to where git over SSH is configured and compares host keys.
func (c *checkup) ssh(ctx context.Context) (string, error) {
	if c.cfg.SSHListen == "" {
		return "", errSkipped("git over SSH is off: --ssh-listen :2222 offers it")
	}
	if _, err := readAuthorities(c.cfg.SSHCAKeys); err != nil {
		return "", fmt.Errorf("%w\nthe file has public keys of authorities, one a line, as in a .pub file", err)
	}
	if c.keys == nil {
		return "", errSkipped("needs the database")
	}
	host, port, err := net.SplitHostPort(c.cfg.SSHListen)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	addr := net.JoinHostPort(host, port)
	found, err := hostKeyOf(ctx, addr)
	switch {
	case isRefused(err):
		return "", errSkipped("nothing listens at " + addr + ": start the hub to check it")
	case err != nil:
		return "", fmt.Errorf("%s is there, but is no SSH server: %w\nchoose another port with --ssh-listen", addr, err)
	case string(found.Marshal()) != string(c.keys[0].PublicKey().Marshal()):
		return "", fmt.Errorf("%s has another host key than this hub (%s)\nanother server, the system's own perhaps, has the port: choose another with --ssh-listen", addr, ssh.FingerprintSHA256(found))
	}
	text := fmt.Sprintf("%s is this hub, host key %s %s", addr, found.Type(), ssh.FingerprintSHA256(found))
	if c.cfg.URL == "" {
		text += "\nwithout --url git-lfs is sent to this machine's own address, over HTTP"
	}
	return text, nil
}

// hostKeyOf begins to sign in at a server, as far as its host key.
func hostKeyOf(ctx context.Context, addr string) (key ssh.PublicKey, err error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer func() { _ = nc.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := nc.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	seen := errors.New("seen")
	_, _, _, err = ssh.NewClientConn(nc, addr, &ssh.ClientConfig{User: "doctor", HostKeyAlgorithms: []string{ssh.KeyAlgoED25519},
		HostKeyCallback: func(_ string, _ net.Addr, k ssh.PublicKey) error {
			key = k
			return seen
		}})
	if key != nil {
		return key, nil
	}
	return nil, err
}
