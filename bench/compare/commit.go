package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// commits is W7: commits of 1, 1,000 and 10,000 files, until they are durable.
func commits(s *session) error {
	for _, n := range []int{1, 1000, 10_000} {
		if s.quick && n > 1000 {
			s.skip("W7", fmt.Sprintf("commit of %d files: QUICK", n))
			continue
		}
		name := fmt.Sprintf("commit%d", n)
		if err := s.hub.create(name); err != nil {
			return err
		}
		all := []contestant{{hubName, func() (float64, error) {
			body := commitBody(manyFiles(n, 0))
			return timed(func() error { return s.hub.commit(name, body) })
		}}}
		tree, imported := s.path(name), s.path(name+".git")
		if err := s.workTree(tree); err != nil {
			return err
		}
		if err := s.bare(imported); err != nil {
			return err
		}
		more := false
		all = append(all, contestant{"git add + commit", func() (float64, error) { return s.addAndCommit(tree, manyFiles(n, 0)) }},
			contestant{"git fast-import", func() (float64, error) {
				in := stream(manyFiles(n, 0), more)
				more = true
				return timed(func() error { return s.fastImport(imported, in) })
			}})
		rounds := s.rounds
		if n == 1 {
			rounds *= 5
		}
		s.inTurn(row{"W7", fmt.Sprintf("commit of %d files", n), "s", true}, rounds, true, all)
		_, _ = os.RemoveAll(tree), os.RemoveAll(imported)
	}
	return nil
}

// workTree makes a repository that syncs what it commits.
func (s *session) workTree(dir string) error {
	err := s.exec(s.dir, "git", "init", "-q", "-b", "main", dir)
	for _, kv := range [][2]string{{"core.fsync", "committed"}, {"core.fsyncMethod", "batch"}, {"gc.auto", "0"}} {
		if err == nil {
			err = s.exec(dir, "git", "config", kv[0], kv[1])
		}
	}
	return err
}

// addAndCommit writes the files, which counts, for the hub is sent them as well, and commits them.
func (s *session) addAndCommit(dir string, files []file) (float64, error) {
	return timed(func() error {
		for _, f := range files {
			path := filepath.Join(dir, f.path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(path, f.data, 0o600); err != nil {
				return err
			}
		}
		if err := s.exec(dir, "git", "add", "-A"); err != nil {
			return err
		}
		return s.exec(dir, "git", "commit", "-qm", "c")
	})
}
