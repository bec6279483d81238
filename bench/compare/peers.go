package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/cairnhub/cairn/internal/testhub/program"
)

// gitBackend is where git's own server for HTTP is.
const gitBackend = "/usr/lib/git-core/git-http-backend"

// nginxConf has: %[1] folder, %[2] address, %[3] user line, %[4] socket of fcgiwrap, %[5] git http-backend.
const nginxConf = `daemon off; worker_processes 2; pid %[1]s/nginx.pid; error_log %[1]s/nginx.err warn; %[3]s
events { worker_connections 4096; }
http {
  default_type application/octet-stream; access_log off; sendfile on; sendfile_max_chunk 2m; tcp_nopush on;
  keepalive_requests 1000000; client_max_body_size 0;
  client_body_temp_path %[1]s/body; fastcgi_temp_path %[1]s/fastcgi; proxy_temp_path %[1]s/proxy; uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  server {
    listen %[2]s;
    location /file/ { alias %[1]s/file/; }
    location /dav/ { alias %[1]s/dav/; dav_methods PUT DELETE; client_body_temp_path %[1]s/dav; }
    location ~ ^/git(?<inner>/.*)$ {
      fastcgi_pass unix:%[4]s;
      fastcgi_param SCRIPT_FILENAME %[5]s; fastcgi_param GIT_PROJECT_ROOT %[1]s/git; fastcgi_param GIT_HTTP_EXPORT_ALL "";
      fastcgi_param PATH_INFO $inner; fastcgi_param QUERY_STRING $query_string; fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type; fastcgi_param CONTENT_LENGTH $content_length; fastcgi_param REMOTE_USER bench;
      fastcgi_param REMOTE_ADDR $remote_addr; fastcgi_param HTTP_CONTENT_ENCODING $http_content_encoding;
      fastcgi_param GIT_PROTOCOL $http_git_protocol; fastcgi_buffering off; fastcgi_request_buffering off; fastcgi_read_timeout 600;
    }
  }
}
`

func startNginx(s *session) (*process, error) {
	bin, err := lookPath("nginx", "/usr/sbin/nginx")
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	for _, dir := range []string{"file", "dav", "git"} {
		if err := os.MkdirAll(s.path("nginx", dir), 0o700); err != nil {
			return nil, err
		}
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;" // who has made the files
	}
	conf := s.path("nginx", "nginx.conf")
	text := fmt.Sprintf(nginxConf, s.path("nginx"), addr, user, s.path("fcgi.sock"), gitBackend)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p, err := s.start("nginx", addr, exec.Command(bin, "-c", conf, "-e", s.path("nginx", "nginx.err")))
	if err != nil {
		return nil, err
	}
	return p, p.answers("tcp")
}

// startGitBackend has nginx, which must run, reach git http-backend.
func startGitBackend(s *session) (*process, error) {
	if s.peers["nginx"] == nil {
		return nil, errors.New("it is served by nginx")
	}
	bin, err := lookPath("fcgiwrap", "/usr/sbin/fcgiwrap")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(gitBackend); err != nil {
		return nil, err
	}
	cmd := s.command(s.dir, bin, "-c", "4", "-s", "unix:"+s.path("fcgi.sock"))
	p, err := s.start("fcgiwrap", s.path("fcgi.sock"), cmd)
	if err != nil {
		return nil, err
	}
	return p, p.answers("unix")
}

const (
	s3Key    = "bench"
	s3Secret = "bench-secret"
)

func startVersity(s *session) (*process, error) {
	bin, err := program.S3.Path()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.path("s3", "bench"), 0o700); err != nil {
		return nil, err
	}
	p, err := s.start("versitygw", addr, exec.Command(bin, "--port", addr, "--access", s3Key, "--secret", s3Secret, "--quiet", "posix", s.path("s3")))
	if err != nil {
		return nil, err
	}
	return p, p.answers("tcp")
}

// signS3 signs a request whose body is not hashed: its sender would pay for that, not the server.
func signS3(s *session, r *http.Request) error {
	const unsigned = "UNSIGNED-PAYLOAD"
	r.Header.Set("X-Amz-Content-Sha256", unsigned)
	return v4.NewSigner().SignHTTP(s.ctx, aws.Credentials{AccessKeyID: s3Key, SecretAccessKey: s3Secret}, r, unsigned, "s3", "us-east-1", time.Now())
}

// startHello starts this program as the least that a server in Go can be.
func startHello(s *session) (*process, error) {
	bin, err := os.Executable()
	if err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p, err := s.start("hello", addr, exec.Command(bin, "hello", addr))
	if err != nil {
		return nil, err
	}
	return p, p.answers("tcp")
}

func hello(addr string) error {
	body := []byte(`{"hello":"world","padding":"as long as the beginning of an answer about a small repository would be"}`)
	return http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { //nolint:gosec // for one run, on loopback
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
}

func lookPath(name, also string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	if _, err := os.Stat(also); err != nil {
		return "", fmt.Errorf("%s is not installed", filepath.Base(also))
	}
	return also, nil
}
