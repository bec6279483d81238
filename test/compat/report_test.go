package compat

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// reportVariable names a file to write the table of what was run to, for docs/clients.md; without it there is none.
const reportVariable = "CAIRN_CLIENTS_REPORT"

var report reportOfRuns

// reportOfRuns is which client did what on which storage, and how long it took.
type reportOfRuns struct {
	mu    sync.Mutex
	lines []reportLine
}

type reportLine struct {
	client, storage string
	steps           []string
}

// add notes a step of a client's.
func (r *reportOfRuns) add(client, storage, step string, took time.Duration) {
	r.note(client, storage, fmt.Sprintf("%s %.1f s", step, took.Seconds()))
}

func (r *reportOfRuns) note(client, storage, step string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.lines, func(l reportLine) bool { return l.client == client && l.storage == storage })
	if i < 0 {
		i = len(r.lines)
		r.lines = append(r.lines, reportLine{client: client, storage: storage})
	}
	r.lines[i].steps = append(r.lines[i].steps, step)
}

// time notes how long a step took once the function that it returns is called; a failed one is named as such.
func (r *reportOfRuns) time(t *testing.T, client, storage, step string) func() {
	began := time.Now()
	return func() {
		if t.Failed() {
			r.note(client, storage, step+" FAILED")
			return
		}
		r.add(client, storage, step, time.Since(began))
	}
}

func (r *reportOfRuns) write() error {
	path := os.Getenv(reportVariable)
	if path == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.lines, func(a, b reportLine) int { return strings.Compare(a.client, b.client) })
	var b strings.Builder
	b.WriteString("| client | storage | what it did |\n|---|---|---|\n")
	for _, l := range r.lines {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", l.client, l.storage, strings.Join(l.steps, ", "))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644) //nolint:gosec // a report, to be read
}
