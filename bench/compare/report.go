package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// report writes the table, and prints its ratios.
func (s *session) report() error {
	s.load.stop()
	text := s.text()
	fmt.Print("\n", text)
	if s.result == "" {
		return nil
	}
	return os.WriteFile(s.result, []byte(text), 0o644)
}

const heading = "# The hub beside its peers\n\n" +
	"Made by `make bench`; do not edit. A ratio above 1 is better than the contestant that it stands against; goals are ratios, and bounds where\n" +
	"they say so. Figures are medians of rounds in turn, with the lowest and highest. They hold for this machine and this run alone; ratios carry\n" +
	"further, if other work was little.\n\n"

func (s *session) text() string {
	var b strings.Builder
	b.WriteString(heading)
	for _, line := range describe(s) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "- %s, %s; large file %d MiB, %d rounds, loads of %d s%s\n", s.began.UTC().Format("2006-01-02 15:04 UTC"), time.Since(s.began).Round(time.Second), s.bytes>>20, s.rounds, s.secs, s.part())
	fmt.Fprintf(&b, "- %s\n\n", s.loadText())
	b.WriteString("| | what | who | figure | lowest to highest | | ratio of the hub | goal |\n|---|---|---|--:|--:|---|--:|---|\n")
	for _, x := range s.series {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", x.workload, x.what, x.who, figure(median(x.values)), spread(x.values), x.unit, s.judge(x))
	}
	for _, k := range s.skipped {
		fmt.Fprintf(&b, "| %s | not measured: %s | | | | | | |\n", k.workload, strings.NewReplacer("|", "/", "\n", " ").Replace(k.why))
	}
	return b.String()
}

func (s *session) part() string {
	out := ""
	if s.quick {
		out = "; QUICK: too little to judge by"
	}
	if len(s.only) > 0 {
		out += "; only " + strings.Join(s.only, ", ")
	}
	return out
}

// much is how many processors other work may take before the figures say little.
const much = 0.2

func (s *session) loadText() string {
	busy := median(s.load.samples)
	text := fmt.Sprintf("other work kept %.1f processors busy in the middle, %.1f at most", busy, highest(s.load.samples))
	if busy > much {
		text += ": **too much to rely on this table**"
	}
	return text
}

// judge is the ratio of the hub against a contestant and what is said of it.
func (s *session) judge(x *series) string {
	if x.who == hubName {
		bound := boundOf(x.what)
		if bound == 0 {
			return "|"
		}
		return fmt.Sprintf("| within %s: %s", figure(bound), verdict(median(x.values) <= bound))
	}
	own := s.find(x.row, hubName)
	if own == nil || strings.HasPrefix(x.who, hubName) {
		return "|"
	}
	ratio := median(own.values) / median(x.values)
	if x.lower {
		ratio = 1 / ratio
	}
	want := goalOf(x.what, x.who)
	if want == 0 {
		return fmt.Sprintf("%.2f |", ratio)
	}
	return fmt.Sprintf("%.2f | %.2f: %s", ratio, want, verdict(ratio >= want))
}

func verdict(ok bool) string {
	if ok {
		return "holds"
	}
	return "**short**"
}

func (s *session) find(r row, who string) *series {
	for _, x := range s.series {
		if x.row == r && x.who == who {
			return x
		}
	}
	return nil
}

func spread(v []float64) string {
	if len(v) < 2 {
		return ""
	}
	low := v[0]
	for _, x := range v {
		low = min(low, x)
	}
	return figure(low) + " to " + figure(highest(v))
}

func highest(v []float64) (top float64) {
	for _, x := range v {
		top = max(top, x)
	}
	return top
}

// figure writes a number with three digits that say something.
func figure(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}
