package webui

import (
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// templates are the pages by name, each with all parts. A page is parsed when it is first shown.
type templates struct {
	files  fs.FS
	shared *template.Template // never executed, as that would end its being cloned

	mu    sync.RWMutex
	pages map[string]*template.Template
}

func newTemplates(files fs.FS, a *assets) (*templates, error) {
	words := template.FuncMap{
		"asset": func(name string) (string, error) {
			p, ok := a.paths[name]
			if !ok {
				return "", fmt.Errorf("no asset %q", name)
			}
			return p, nil
		},
		"avatar": func(name string) string { return "/api/avatars/" + url.PathEscape(name) },
		"bytes":  byteSize,
		"count":  shortCount,
		"plural": plural,
		"ago":    ago,
	}
	shared, err := template.New("").Funcs(words).Option("missingkey=error").ParseFS(files, "part/*.tmpl")
	if err != nil {
		return nil, err
	}
	return &templates{files: files, shared: shared, pages: map[string]*template.Template{}}, nil
}

func (t *templates) page(name string) (*template.Template, error) {
	t.mu.RLock()
	p := t.pages[name]
	t.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	p, err := t.shared.Clone()
	if err == nil {
		p, err = p.ParseFS(t.files, "page/"+name+"/*.tmpl")
	}
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if first := t.pages[name]; first != nil { // of whoever was faster
		return first, nil
	}
	t.pages[name] = p
	return p, nil
}

// byteSize prints a size in decimal units.
func byteSize(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 && unit < 4 {
		v, unit = v/1000, unit+1
	}
	return threeDigits(v) + " " + []string{"kB", "MB", "GB", "TB", "PB"}[unit]
}

// shortCount prints a number as people say it: 999, 1.2k, 34M.
func shortCount(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 && unit < 2 {
		v, unit = v/1000, unit+1
	}
	return threeDigits(v) + []string{"k", "M", "G"}[unit]
}

func threeDigits(v float64) string {
	if v < 9.95 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// plural takes any whole number, since templates count in several types.
func plural(n any, one, many string) string {
	if fmt.Sprint(n) == "1" {
		return one
	}
	return many
}

// ago is a time as an element that tells people the distance and machines the instant.
func ago(t time.Time) template.HTML {
	if t.IsZero() {
		return "at an unknown time"
	}
	t = t.UTC()
	machine := t.Format(time.RFC3339)
	return template.HTML(`<time datetime="` + machine + `" title="` + t.Format("2 January 2006, 15:04 UTC") + `">` + //nolint:gosec // digits and words of our own
		distance(time.Since(t), t) + `</time>`)
}

func distance(d time.Duration, t time.Time) string {
	const day = 24 * time.Hour
	n := func(k int, unit string) string { return strconv.Itoa(k) + " " + plural(k, unit, unit+"s") + " ago" }
	switch {
	case d < -time.Minute, d >= 300*day:
		return t.Format("2 January 2006")
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return n(int(d/time.Minute), "minute")
	case d < day:
		return n(int(d/time.Hour), "hour")
	case d < 45*day:
		return n(int(d/day), "day")
	}
	return n(int(d/(30*day)), "month")
}
