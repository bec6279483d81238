package compat

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/blob/blobtest"
)

// TestDirect has the stock clients fetch from the store itself (xet-direct), under another name than the hub has for it.
func TestDirect(t *testing.T) {
	tools := installed(t)
	t.Parallel()
	env, stored := postgresS3(t)
	i := slices.IndexFunc(env, func(s string) bool { return strings.HasPrefix(s, "CAIRN_BLOB_URL=") })
	u, err := url.Parse(strings.TrimPrefix(env[i], "CAIRN_BLOB_URL="))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	public := blobtest.NewProxy(t, q.Get("endpoint"))
	q.Set("public_endpoint", public.URL)
	u.RawQuery = q.Encode()
	env[i] = "CAIRN_BLOB_URL=" + u.String()
	h := start(t, append(env, "CAIRN_XET_DIRECT=true", "CAIRN_LOG_LEVEL=debug")...)
	c := clients{hub: h, tools: tools, venv: "python", storage: "postgres+s3, direct", facts: people(t, h)}
	c.facts.Meter = meter(t, stored)
	sent := func(what string) {
		if n := public.Sent(); n < 1_000_000 {
			t.Errorf("%s: clients have fetched %d bytes from the store", what, n)
		}
		public.Reset()
	}
	t.Run("python/xet", func(t *testing.T) { c.python(t, "python/test_xet.py") })
	sent("hf_xet")
	t.Run("js", func(t *testing.T) { c.js(t, "hub.mjs", c.model(t)) })
	sent("@huggingface/hub")
	log, err := os.ReadFile(h.log)
	if err != nil {
		t.Fatal(err)
	}
	if asked, here := strings.Contains(string(log), "operation=reconstructionV2"), strings.Contains(string(log), "operation=xorbData"); !asked || here {
		t.Errorf("clients have asked for reconstructions: %v; they have fetched through the hub: %v", asked, here)
	}
}
