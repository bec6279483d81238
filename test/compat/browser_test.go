package compat

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// shots names a folder that gets a picture of every page, light, dark and narrow, for people to look at.
const shots = "CAIRN_TEST_SHOTS"

// patience bounds each step in a browser; on a quiet machine each takes a fraction of a second.
const patience = 90 * time.Second

// browser is a headless Chromium that has been nowhere before.
type browser struct {
	*testing.T
	ctx  context.Context
	hub  *hub
	axe  string // axe-core, the accessibility checker
	seen sync.Map
}

func newBrowser(t *testing.T, h *hub, tools string) *browser {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join(tools, "node/node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatalf("%v: run test/setup.sh clients", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox,
		chromedp.WindowSize(1200, 900), chromedp.WSURLReadTimeout(patience))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(alloc)
	t.Cleanup(closeTab)
	b := &browser{T: t, ctx: ctx, hub: h, axe: string(axe)}
	if err := chromedp.Do(ctx); err != nil { // without a bound: it is the browser's life
		t.Fatalf("Chromium does not start: %v: run test/setup.sh clients", err)
	}
	return b
}

type step = chromedp.Action[chromedp.Void]

func (b *browser) do(what string, steps ...step) {
	b.Helper()
	run(b, what, chromedp.Steps(steps...))
}

// run takes one step and gives what it finds.
func run[T any](b *browser, what string, a chromedp.Action[T]) T {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, a)
	if err != nil {
		again, stop := context.WithTimeout(b.ctx, patience)
		defer stop()
		at, _ := chromedp.Run(again, chromedp.Location())
		body, _ := chromedp.Run(again, chromedp.Text("body"))
		b.Fatalf("%s: %v, at %s:\n%s", what, err, at, body)
	}
	return out
}

func (b *browser) open(path string) {
	b.Helper()
	b.do("open "+path, chromedp.Navigate(b.hub.endpoint+path), chromedp.WaitReady("main"))
}

// text of the page's main part.
func (b *browser) text() string {
	b.Helper()
	return run(b, "read", chromedp.Text("main"))
}

// submit presses the button and waits until the browser shows another page, which has what. The page before is marked, so
// that nothing on it is taken for the next one.
func (b *browser) submit(button, what string) {
	b.Helper()
	b.do("press "+button, chromedp.SetAttributeValue("html", "data-before", "1"), chromedp.Click(button, chromedp.NodeVisible),
		chromedp.WaitVisible("html:not([data-before]) "+what))
	run(b, "load what comes of "+button, chromedp.Poll[bool]("document.readyState === 'complete'"))
}

func (b *browser) signIn(name, password string) {
	b.Helper()
	b.do("fill in", chromedp.WaitVisible("#username"), chromedp.SendKeys("#username", name), chromedp.SendKeys("#password", password))
	b.submit("form[action='/login'] button", ".who .me")
}

// findings of a page, as the script below reports them.
type findings struct {
	Problems []string // what axe finds serious, with where
	Small    []string // what is too small to hit
	Wide     int      // pixels by which the page is wider than the window
	Checks   int
}

// inspect runs in the page. 44 pixels is the target size of WCAG 2.2, level AAA, for what is not within text.
const inspect = `(async () => {
  const r = await axe.run(document, {resultTypes: ['violations', 'passes'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']});
  const problems = r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical' || v.impact === 'moderate')
    .map(v => v.impact + ' ' + v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 120) + ' (' + (n.any[0] || n.all[0] || n.none[0] || {}).message + ')').join(' | '));
  const small = [...document.querySelectorAll('button, input:not([type=hidden]):not([type=radio]):not([type=checkbox]), select, textarea, .choice, .side a, .top nav a, a.button')]
    .map(e => [e, e.getBoundingClientRect()]).filter(([e, b]) => b.width > 0 && b.height > 0 && b.height < 43.5)
    .map(([e, b]) => e.outerHTML.slice(0, 100) + ' is ' + b.height + ' high');
  return JSON.stringify({problems, small, wide: document.documentElement.scrollWidth - window.innerWidth, checks: r.passes.length + r.violations.length});
})()`

// check looks at the page that is open, light, dark and on a telephone.
func (b *browser) check(name string) {
	b.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.do("a window", chromedp.EmulateViewport(1200, 900), prefers(scheme))
		b.look(name + "-" + scheme)
	}
	b.do("a telephone", chromedp.EmulateViewport(360, 740))
	b.look(name + "-narrow")
}

func prefers(scheme string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
}

func (b *browser) look(name string) {
	b.Helper()
	run(b, "load axe-core", chromedp.Evaluate[int](b.axe+";0"))
	var f findings
	if err := json.Unmarshal([]byte(run(b, "look at "+name, chromedp.Evaluate[string](inspect, chromedp.EvalAwaitPromise))), &f); err != nil {
		b.Fatal(err)
	}
	for _, p := range append(f.Problems, f.Small...) {
		b.Errorf("%s: %s", name, p)
	}
	if f.Wide > 0 || f.Checks < 10 {
		b.Errorf("%s: %d pixels too wide, %d checks", name, f.Wide, f.Checks)
	}
	if dir := os.Getenv(shots); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".jpg"), run(b, "take a picture", chromedp.FullScreenshot(90)), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.seen.Store(name, f.Checks)
}

// tell says how much was looked at.
func (b *browser) tell() {
	pages, checks := 0, 0
	b.seen.Range(func(_, n any) bool { pages, checks = pages+1, checks+n.(int); return true })
	b.Logf("%d views, %d checks of axe-core", pages, checks)
}

func said(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
