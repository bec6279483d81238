package config

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"
)

const masked = "********"

// Print writes a table of every setting: its value, its default, where the value came from and what it means. Secrets
// are masked.
func (c *Config) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tDEFAULT\tSOURCE\tVARIABLE\tEXPLANATION")
	standard := Default()
	standard.Data = c.Data // what lives in it follows it
	standard.derive()
	plain := Default().settings()[0].value.get()
	for i, s := range c.settings() {
		def := standard.settings()[i].value.get()
		if s.Name == "data" {
			def = plain
		}
		source := c.sources[s.Name]
		if source == "" {
			source = "default"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, show(s, source), clip(def), source, s.Env(), s.Help)
	}
	return t.Flush()
}

func show(s Setting, source string) string {
	v := s.value.get()
	if v != "" && s.mask != nil {
		v = s.mask(v)
	}
	if source == "default" || v == "" {
		return clip(v)
	}
	return v
}

func maskAll(string) string { return masked }

// MaskURL is the address of a store or a database as it may be printed.
func MaskURL(v string) string { return maskURL(v) }

// maskURL hides the password and, for who puts one there, all parameters that may be secret.
func maskURL(v string) string {
	if strings.HasPrefix(v, "sqlite:") || strings.HasPrefix(v, "file:") {
		return v
	}
	u, err := url.Parse(v)
	if err != nil {
		return masked
	}
	q := u.Query()
	for k := range q {
		if lower := strings.ToLower(k); strings.Contains(lower, "pass") || strings.Contains(lower, "secret") || strings.Contains(lower, "key") || strings.Contains(lower, "token") {
			q.Set(k, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

func clip(v string) string {
	const most = 60
	if v == "" {
		return "-"
	}
	if len(v) > most {
		return v[:most] + "…"
	}
	return v
}
