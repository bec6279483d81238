package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"
)

// remote is a server that git clients talk to.
type remote struct {
	who   string
	full  string // address of the repository that is cloned
	empty func(name string) (url string, err error)
}

// gitClients is W8: git's own client against the hub, against git's own server behind nginx, and against a folder.
func gitClients(s *session) error {
	source := s.path("history.git")
	if err := s.history(source); err != nil {
		return err
	}
	all, err := s.remotes(source)
	if err != nil {
		return err
	}
	measure := func(what string, rounds int, run func(r remote) (float64, error)) {
		var turns []contestant
		for _, r := range all {
			turns = append(turns, contestant{r.who, func() (float64, error) { return run(r) }})
		}
		s.inTurn(row{"W8", what, "s", true}, rounds, true, turns)
	}
	measure("clone", s.rounds, func(r remote) (float64, error) { return s.clone(1, r.full) })
	measure("clone --depth 1", s.rounds, func(r remote) (float64, error) { return s.clone(1, r.full, "--depth", "1") })
	measure("8 clones at once", s.rounds, func(r remote) (float64, error) { return s.clone(8, r.full) })
	pushes := 0
	measure("push of the whole history", s.rounds, func(r remote) (float64, error) {
		pushes++
		url, err := r.empty(fmt.Sprintf("push%d", pushes))
		if err != nil {
			return 0, err
		}
		return timed(func() error { return s.push(source, url) })
	})
	measure("fetch of 100 commits", s.rounds, func(r remote) (float64, error) { return s.fetch(source, r.full) })
	measure("10 × ls-remote", s.rounds, func(r remote) (float64, error) {
		return timed(func() error {
			for range 10 {
				if err := s.exec(s.dir, "git", "ls-remote", "-q", r.full); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return nil
}

// history makes a repository of 1,000 commits and about 20,000 objects, fewer when it has to be quick.
func (s *session) history(dir string) error {
	if err := s.bare(dir); err != nil {
		return err
	}
	in := [][]byte{stream(manyFiles(4000, 0), false)}
	commits := 1000
	if s.quick {
		commits = 200
	}
	for k := range commits {
		in = append(in, stream(manyFiles(4, k*37%4000), false)) // fast-import goes on where it was
	}
	if err := s.fastImport(dir, in...); err != nil {
		return err
	}
	return s.exec(dir, "git", "repack", "-adq")
}

func (s *session) remotes(source string) ([]remote, error) {
	signed := strings.Replace(s.hub.url, "http://", "http://"+owner+":"+s.hub.token+"@", 1) + "/" + owner + "/"
	all := []remote{
		{hubName, signed + "history", func(name string) (string, error) { return signed + name, s.hub.create(name) }},
		{"limit: file://", "file://" + source, func(name string) (string, error) {
			dir := s.path(name + ".git")
			return "file://" + dir, s.bare(dir)
		}},
	}
	if err := errors.Join(s.hub.create("history"), s.push(source, all[0].full)); err != nil {
		return nil, err
	}
	if s.peer("W8", "nginx", startNginx) == nil {
		return all, nil
	}
	backend := s.peer("W8", "git http-backend", startGitBackend)
	if backend == nil {
		return all, nil
	}
	base := "http://" + s.peers["nginx"].addr + "/git/"
	all = append(all, remote{"git http-backend", base + "history.git", func(name string) (string, error) {
		return base + name + ".git", s.bare(s.path("nginx", "git", name+".git"))
	}})
	err := s.bare(s.path("nginx", "git", "history.git"))
	if err == nil {
		err = s.push(source, all[2].full)
	}
	if err == nil {
		err = s.exec(s.path("nginx", "git", "history.git"), "git", "repack", "-adq")
	}
	return all, err
}

func (s *session) push(source, url string) error {
	return s.exec(source, "git", "-c", "http.postBuffer=1073741824", "push", "-q", "-f", url, "main")
}

// clone makes a number of clones at once.
func (s *session) clone(n int, url string, more ...string) (float64, error) {
	dir := s.path("clones")
	defer os.RemoveAll(dir)
	return timed(func() error {
		var g errgroup.Group
		for i := range n {
			g.Go(func() error {
				return s.exec(s.dir, "git", append(append([]string{"clone", "-q", "--bare"}, more...), url, fmt.Sprintf("%s/%d", dir, i))...)
			})
		}
		return g.Wait()
	})
}

// fetch brings a clone that is 100 commits behind up to date.
func (s *session) fetch(source, url string) (float64, error) {
	dir := s.path("fetch.git")
	defer os.RemoveAll(dir)
	err := s.exec(s.dir, "git", "init", "-q", "--bare", "-b", "main", dir)
	if err == nil {
		err = s.exec(source, "git", "push", "-q", dir, "main~100:refs/heads/main")
	}
	if err != nil {
		return 0, err
	}
	return timed(func() error { return s.exec(dir, "git", "fetch", "-q", url, "main:main") })
}
