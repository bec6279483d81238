package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// workload is one kind of work; its name is what ONLY chooses.
type workload struct {
	name string
	run  func(*session) error
}

var workloads = []workload{
	{"W1", downloads}, {"W2", ranges}, {"W3", uploads}, {"W4", xetTransfers}, {"W5", requests}, {"W6", listings},
	{"W7", commits}, {"W8", gitClients}, {"W10", startups}, {"W12", crowds},
}

// options say how much is measured; they come from the environment.
type options struct {
	quick  bool
	only   []string
	bytes  int    // of a large file
	rounds int    // of each row
	secs   int    // of load on one contestant
	files  int    // of the repository that is listed
	result string // file; empty: print only
}

func readOptions() (o options, err error) {
	o = options{quick: os.Getenv("QUICK") != "", bytes: 256 << 20, rounds: 3, secs: 3, files: 100_000, result: cmp.Or(os.Getenv("RESULT"), "bench/RESULTS.md")}
	if o.quick {
		o.bytes, o.rounds, o.secs, o.files = 64<<20, 2, 1, 10_000
	}
	if o.result == "-" {
		o.result = ""
	}
	mib := o.bytes >> 20
	for name, n := range map[string]*int{"MIB": &mib, "ROUNDS": &o.rounds, "SECS": &o.secs} {
		if v := os.Getenv(name); v != "" {
			if *n, err = strconv.Atoi(v); err != nil || *n < 1 || *n > 1024 {
				return o, fmt.Errorf("%s=%s: a number from 1 to 1024 is expected", name, v)
			}
		}
	}
	o.bytes = mib << 20
	if only := os.Getenv("ONLY"); only != "" {
		o.only = strings.Split(only, ",")
	}
	for _, name := range o.only {
		if !slices.ContainsFunc(workloads, func(w workload) bool { return w.name == name }) {
			return o, fmt.Errorf("ONLY=%s: there is no workload of that name", name)
		}
	}
	return o, nil
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "hello" {
		fail(hello(os.Args[2]))
		return
	}
	o, err := readOptions()
	fail(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fail(measure(ctx, o))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// measure runs the workloads one after another; one that fails becomes a line of the table and an error at the end.
func measure(ctx context.Context, o options) error {
	s, err := newSession(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	var failed []error
	for _, w := range workloads {
		if len(o.only) > 0 && !slices.Contains(o.only, w.name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		fmt.Println(w.name)
		if err := w.run(s); err != nil {
			s.skip(w.name, "failed: "+err.Error())
			failed = append(failed, fmt.Errorf("%s: %w", w.name, err))
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errors.Join(append(failed, s.report())...)
}
