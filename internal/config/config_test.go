package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, flags map[string]string, env []string, file string) *Config {
	t.Helper()
	c, err := Load(flags, env, file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsHold(t *testing.T) {
	c := load(t, nil, nil, "")
	if c.Listen != "localhost:28080" || c.DatabaseURL != "sqlite:cairn-data/cairn.db" || c.BlobURL != "file:cairn-data/blobs" || c.CacheDir != "cairn-data/cache" {
		t.Fatalf("%+v", c)
	}
	if len(c.LFS.Suffixes) != 32 || c.LFS.Threshold != 5_000_000 || c.LFS.KeepVersions != 5 {
		t.Fatalf("%+v", c.LFS)
	}
}

// Each default must survive being written into a file: what Print shows can be pasted.
func TestEveryDefaultCanBeRead(t *testing.T) {
	for i, s := range Default().settings() {
		c := &Config{}
		target := c.settings()[i]
		if err := target.value.set(s.value.get()); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		if got := target.value.get(); got != s.value.get() {
			t.Errorf("%s: %q came back as %q", s.Name, s.value.get(), got)
		}
		if s.Help == "" || strings.ToLower(s.Name) != s.Name {
			t.Errorf("%s: no explanation, or not in lower case", s.Name)
		}
	}
}

func TestPrecedence(t *testing.T) {
	file := write(t, "listen: file:1\nsite-name: from file\nlog-level: debug\nxet-token-ttl: 5m\ntrusted-proxies: [10.0.0.0/8, 192.0.2.1]\n")
	env := []string{"CAIRN_LISTEN=env:2", "CAIRN_SITE_NAME=from env", "CAIRN_LOG_FORMAT=", "CAIRN_PORT=tcp://10.0.0.1:80", "CAIRN_CACHE_SIZE=3 GB"}
	c := load(t, map[string]string{"listen": "flag:3", "rate-limit": "true"}, env, file)
	if c.Listen != "flag:3" || c.SiteName != "from env" || c.LogLevel != "debug" || c.LogFormat != "text" ||
		c.XetTokenTTL != 5*time.Minute || len(c.Proxies) != 2 || c.CacheSize != 3_000_000_000 || !c.RateLimit.Enabled {
		t.Fatalf("%+v", c)
	}
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	for setting, source := range map[string]string{"listen": "flag", "site-name": "env", "log-level": "file", "log-format": "default"} {
		if got := column(out.String(), setting, "flag", "env", "file", "default"); got != source {
			t.Errorf("%s: source %q, want %q", setting, got, source)
		}
	}
}

// column finds which of the words stands alone in a setting's line of the table.
func column(table, setting string, words ...string) string {
	for _, line := range strings.Split(table, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != setting {
			continue
		}
		for _, w := range words {
			if strings.Contains(line, "  "+w+"  ") {
				return w
			}
		}
	}
	return ""
}

func TestFileIsFound(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "cairn.yaml"), []byte("# nothing\nsite-name: Home\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := load(t, map[string]string{"data": data}, nil, ""); c.SiteName != "Home" {
		t.Errorf("in the data folder: %q", c.SiteName)
	}
	if c := load(t, nil, []string{"CAIRN_CONFIG=" + filepath.Join(data, "cairn.yaml")}, ""); c.SiteName != "Home" {
		t.Errorf("by the environment: %q", c.SiteName)
	}
	if _, err := Load(nil, nil, filepath.Join(data, "absent.yaml")); err == nil {
		t.Error("a file that was named must exist")
	}
	if c := load(t, nil, nil, write(t, "")); c.SiteName != "Cairn" {
		t.Error("an empty file")
	}
}

func TestFileRefusals(t *testing.T) {
	for text, want := range map[string]string{
		"listen: :1\nlistne: :2":       `:2: there is no setting "listne"`,
		"site_name: x":                 `write "site-name"`,
		"listen: :1\nlisten: :2":       "already on line 1",
		"rate-limit:\n  api: 5":        "not nested",
		"cache-size: huge":             `:1: cache-size: "huge" is not a size`,
		"xet-token-ttl: 15":            "is not a duration",
		"- a":                          "name: value",
		"rate-limit: maybe":            "neither true nor false",
		"listen: [":                    "yaml",
		"trusted-proxies: [[1], '2']":  "plain values",
		"max-commit-files: 1.5":        "not a whole number",
		"rate-limit-window: !!map {}":  "not nested",
		"data: ok\n\n# x\n\nunknown: ": ":5: there is no setting",
	} {
		_, err := Load(nil, nil, write(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, row := range []struct{ name, value, want string }{
		{"listen", "8080", "localhost:28080"},
		{"listen", "localhost:99999", "localhost:28080"},
		{"url", "hub.example.org", "https://hub.example.org"},
		{"url", "https://example.org/hub", "root of its host"},
		{"database-url", "mysql://root:hunter2@x/y", "postgres://"},
		{"blob-url", "s3://bucket", "CAIRN_S3_ACCESS_KEY"},
		{"blob-url", "/var/blobs", "file:/path"},
		{"s3-access-key", "only", "both or none"},
		{"trusted-proxies", "10.0.0.0/8, proxy.local", "proxy.local"},
		{"log-level", "loud", "debug, info"},
		{"cache-size", "1", "100MB"},
		{"lfs-threshold", "50MB", "max-regular-file"},
		{"max-regular-file", "50MB", "max-ndjson-line"},
		{"max-regular-file", "1GB", "large-file storage"},
		{"signed-url-ttl", "1s", "from 1m0s"},
		{"xet-direct", "true", "needs an S3 store"},
		{"rate-limit-api", "-1", "at least 0"},
		{"data", "", "must not be empty"},
	} {
		_, err := Load(map[string]string{row.name: row.value}, nil, "")
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s=%s: %v, want %q", row.name, row.value, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a password is shown: %v", err)
		}
	}
	if _, err := Load(map[string]string{"nonsense": "1"}, nil, ""); err == nil {
		t.Error("an unknown flag is accepted")
	}
}

func TestPrintMasksSecrets(t *testing.T) {
	c := load(t, map[string]string{
		"database-url": "postgres://cairn:hunter2@db/cairn?sslpassword=hunter3",
		"blob-url":     "s3://bucket?endpoint=https://s3.local&secret_key=hunter4",
	}, []string{"AWS_ACCESS_KEY_ID=AKIA1", "AWS_SECRET_ACCESS_KEY=hun:ter5"}, "")
	if c.S3AccessKey != "AKIA1" || c.S3SecretKey != "hun:ter5" {
		t.Fatalf("keys %q %q", c.S3AccessKey, c.S3SecretKey)
	}
	var out bytes.Buffer
	if err := c.Print(&out); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.Contains(s, "hunter") || strings.Contains(s, "hun:ter5") || !strings.Contains(s, "AKIA1") || !strings.Contains(s, "@db/cairn") {
		t.Error(s)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "12": 12, "5_000_000": 5_000_000, "5MB": 5_000_000, "1.5 GB": 1_500_000_000, "1GiB": 1 << 30, "7B": 7, "2tb": 2_000_000_000_000,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%q = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB", "x", "1e99", "9999999TB", "NaN", "InfGB"} {
		if n, err := parseSize(text); err == nil {
			t.Errorf("%q = %d", text, n)
		}
	}
}
