package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	fileVariable = "CAIRN_CONFIG"
	fileName     = "cairn.yaml" // in the data folder
)

// Load puts the configuration together: flags (name → value, given ones only) before the environment (as of os.Environ)
// before the file before the defaults. An empty file means the one of CAIRN_CONFIG, else cairn.yaml in the data folder if
// it is there. It validates.
func Load(flags map[string]string, environ []string, file string) (*Config, error) {
	c := Default()
	c.sources = map[string]string{}
	env := environment(environ)
	settings := c.settings()
	path, must := file, true
	if path == "" {
		path = env[fileVariable]
	}
	if path == "" {
		path, must = filepath.Join(dataFolder(flags, env), fileName), false
	}
	if err := loadFile(c, settings, path, must); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if err := c.override(s, env, flags); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if !slices.ContainsFunc(settings, func(s Setting) bool { return s.Name == name }) {
			return nil, fmt.Errorf("there is no setting %q", name)
		}
	}
	c.derive()
	return c, c.Validate()
}

// dataFolder is where the file is looked for; the file itself cannot say.
func dataFolder(flags, env map[string]string) string {
	if v := flags["data"]; v != "" {
		return v
	}
	if v := env["CAIRN_DATA"]; v != "" {
		return v
	}
	return Default().Data
}

// environment keeps the variables that are not empty: an empty one is as good as none.
func environment(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, _ := strings.Cut(kv, "="); v != "" {
			env[k] = v
		}
	}
	return env
}

func (c *Config) override(s Setting, env, flags map[string]string) error {
	name, v, ok := s.Env(), "", false
	if v, ok = env[name]; !ok && s.alias != "" && c.sources[s.Name] == "" {
		name = s.alias
		v, ok = env[name]
	}
	if ok {
		if err := s.value.set(v); err != nil {
			return fmt.Errorf("environment variable %s: %w", name, err)
		}
		c.sources[s.Name] = "env"
	}
	if v, ok = flags[s.Name]; ok {
		if err := s.value.set(v); err != nil {
			return fmt.Errorf("flag --%s: %w", s.Name, err)
		}
		c.sources[s.Name] = "flag"
	}
	return nil
}

// derive fills in what lives in the data folder unless told otherwise.
func (c *Config) derive() {
	if c.DatabaseURL == "" {
		c.DatabaseURL = "sqlite:" + filepath.Join(c.Data, "cairn.db")
	}
	if c.BlobURL == "" {
		c.BlobURL = "file:" + filepath.Join(c.Data, "blobs")
	}
	if c.CacheDir == "" {
		c.CacheDir = filepath.Join(c.Data, "cache")
	}
	c.URL = strings.TrimRight(c.URL, "/")
}

func loadFile(c *Config, settings []Setting, path string, must bool) error {
	data, err := os.ReadFile(path)
	if !must && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration file: %w", err)
	}
	pairs, err := parseFile(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range pairs {
		i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == p.key })
		if i < 0 {
			return fmt.Errorf("%s:%d: there is no setting %q%s", path, p.line, p.key, suggestion(settings, p.key))
		}
		if err := settings[i].value.set(p.value); err != nil {
			return fmt.Errorf("%s:%d: %s: %w", path, p.line, p.key, err)
		}
		c.sources[p.key] = "file"
	}
	return nil
}

// suggestion names the setting that somebody probably meant.
func suggestion(settings []Setting, key string) string {
	plain := func(s string) string {
		return strings.NewReplacer("-", "", "_", "", ".", "").Replace(strings.ToLower(s))
	}
	for _, s := range settings {
		if plain(s.Name) == plain(key) {
			return fmt.Sprintf(": write %q", s.Name)
		}
	}
	return ": cairn config print lists all"
}
