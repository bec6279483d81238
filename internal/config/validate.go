package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Validate says what is wrong with the settings and what to write instead, all at once.
func (c *Config) Validate() error {
	return errors.Join(
		notEmpty("data", c.Data),
		checkListen("listen", c.Listen),
		unlessEmpty(c.SSHListen, func() error { return checkListen("ssh-listen", c.SSHListen) }),
		unlessEmpty(c.MetricsListen, func() error { return checkListen("metrics-listen", c.MetricsListen) }),
		unlessEmpty(c.URL, func() error { return checkURL(c.URL) }),
		unlessEmpty(c.HTTPListen, func() error { return checkListen("http-listen", c.HTTPListen) }),
		c.checkTLS(),
		c.checkMail(),
		checkScheme("database-url", c.DatabaseURL, "sqlite:/path/to/file.db or postgres://user:password@host/database", "sqlite:", "postgres://", "postgresql://"),
		checkScheme("blob-url", c.BlobURL, "file:/path/to/folder or s3://bucket?endpoint=https://host", "file:", "s3://"),
		c.checkS3(),
		c.checkProxies(),
		oneOf("log-level", c.LogLevel, "debug", "info", "warn", "error"),
		oneOf("log-format", c.LogFormat, "text", "json"),
		atLeast("cache-size", c.CacheSize, 100_000_000, "100MB"),
		atLeast("lfs-threshold", c.LFS.Threshold, 1, "1"),
		atLeast("lfs-part-size", c.LFS.PartSize, 100_000, "100KB"),
		oneOf("lfs-release", c.LFS.Release, "off", "configured", "all"),
		atLeast("lfs-keep-versions", c.LFS.KeepVersions, 1, "1"),
		c.checkLimits(),
		c.checkTimes(),
	)
}

func unlessEmpty(s string, f func() error) error {
	if s == "" {
		return nil
	}
	return f()
}

func notEmpty(name, v string) error {
	if v == "" {
		return fmt.Errorf("%s: must not be empty", name)
	}
	return nil
}

func checkListen(name, v string) error {
	_, port, err := net.SplitHostPort(v)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%s: %q is not an address and port: write it like localhost:28080, or :28080 for all addresses", name, v)
	}
	return nil
}

func checkURL(v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("url: %q is not the URL of a site: write it like https://hub.example.org", v)
	}
	if u.Path != "" {
		return fmt.Errorf("url: %q has a path: the hub must be at the root of its host, like %s://%s", v, u.Scheme, u.Host)
	}
	return nil
}

func (c *Config) checkTLS() error {
	t := c.TLS
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("tls-cert, tls-key: give both files or none")
	case t.Cert != "" && len(t.ACMEHosts) > 0:
		return errors.New("tls-cert, acme-hosts: certificates come from files or from ACME: choose one")
	case len(t.ACMEHosts) == 0 && (t.ACMEEmail != "" || t.ACMEDirectory != "" || t.ACMECA != ""):
		return errors.New("acme-hosts: name the hosts that certificates are fetched for, such as hub.example.org")
	case c.HTTPListen != "" && !t.Enabled():
		return errors.New("http-listen: it sends browsers to https, which needs tls-cert and tls-key, or acme-hosts; for plain HTTP set listen")
	case t.Enabled() && strings.HasPrefix(c.URL, "http://"):
		return fmt.Errorf("url: %q is not https, but the hub is told to serve https", c.URL)
	}
	for _, host := range t.ACMEHosts {
		if net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.ContainsAny(host, ":/* ") {
			return fmt.Errorf("acme-hosts: %q is not the full name of a host, like hub.example.org", host)
		}
	}
	return unlessEmpty(t.ACMEDirectory, func() error { return checkDirectory(t.ACMEDirectory) })
}

func checkDirectory(v string) error {
	if u, err := url.Parse(v); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("acme-directory: %q is not the address of an ACME directory, like https://acme.example.org/directory", v)
	}
	return nil
}

// checkScheme does not repeat the value, which may hold a password.
func checkScheme(name, v, example string, schemes ...string) error {
	if !slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(v, s) && len(v) > len(s) }) {
		return fmt.Errorf("%s: write it like %s", name, example)
	}
	return nil
}

// checkMail looks at what goes together; package mail reads the address itself.
func (c *Config) checkMail() error {
	if c.SMTPURL == "" {
		return nil
	}
	err := checkScheme("smtp-url", c.SMTPURL, "smtp://user:password@host:587 or smtps://user:password@host:465", "smtp://", "smtps://")
	if c.MailFrom == "" {
		err = errors.Join(err, errors.New("mail-from: a hub that sends e-mail needs an address of its own: set CAIRN_MAIL_FROM to something like hub@example.org"))
	}
	if c.URL == "" {
		err = errors.Join(err, errors.New("url: a hub that sends e-mail needs its public address, since links in e-mails are made from it: set CAIRN_URL"))
	}
	return err
}

func (c *Config) checkS3() error {
	if (c.S3AccessKey == "") != (c.S3SecretKey == "") {
		return errors.New("s3-access-key, s3-secret-key: give both or none (CAIRN_S3_ACCESS_KEY and CAIRN_S3_SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)")
	}
	if strings.HasPrefix(c.BlobURL, "s3://") && c.S3AccessKey == "" && !strings.Contains(c.BlobURL, "access_key=") {
		return errors.New("blob-url: an S3 store needs keys: set CAIRN_S3_ACCESS_KEY and CAIRN_S3_SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if c.XetDirect && !strings.HasPrefix(c.BlobURL, "s3://") {
		return errors.New("xet-direct: needs an S3 store: set CAIRN_BLOB_URL, or leave it off")
	}
	return nil
}

func (c *Config) checkProxies() error {
	for _, p := range c.Proxies {
		_, err1 := netip.ParsePrefix(p)
		_, err2 := netip.ParseAddr(p)
		if err1 != nil && err2 != nil {
			return fmt.Errorf("trusted-proxies: %q is neither an address like 10.0.0.5 nor a network like 10.0.0.0/8", p)
		}
	}
	return nil
}

func (c *Config) checkLimits() error {
	l := c.Limits
	err := errors.Join(
		atLeast("rate-limit-api", c.RateLimit.API, 0, "0"),
		atLeast("rate-limit-resolvers", c.RateLimit.Resolvers, 0, "0"),
		atLeast("rate-limit-pages", c.RateLimit.Pages, 0, "0"),
		atLeast("max-regular-file", l.RegularFile, 1000, "1KB"),
		atLeast("max-ndjson-line", l.NDJSONLine, 10_000, "10KB"),
		atLeast("max-commit-files", l.CommitFiles, 1, "1"),
		atLeast("max-commit-regular", l.CommitRegular, l.RegularFile, "max-regular-file"),
		atLeast("max-large-file", l.LargeFile, 1_000_000, "1MB"),
		atLeast("max-unfinished", l.Unfinished, 1_000_000, "1MB"),
	)
	if l.RegularFile > 100_000_000 {
		err = errors.Join(err, errors.New("max-regular-file: at most 100MB: larger files belong into large-file storage"))
	}
	if c.LFS.Threshold > l.RegularFile {
		err = errors.Join(err, fmt.Errorf("lfs-threshold: must not exceed max-regular-file (%s)", formatSize(l.RegularFile)))
	}
	if need := l.RegularFile/3*4 + 10_000; l.NDJSONLine < need {
		err = errors.Join(err, fmt.Errorf("max-ndjson-line: must be at least %d to carry a file of max-regular-file in base64", need))
	}
	return err
}

func (c *Config) checkTimes() error {
	between := func(name string, d, least, most time.Duration) error {
		if d < least || d > most {
			return fmt.Errorf("%s: must be from %s to %s, not %s", name, least, most, d)
		}
		return nil
	}
	return errors.Join(
		between("rate-limit-window", c.RateLimit.Window, time.Second, 24*time.Hour),
		between("lfs-release-grace", c.LFS.ReleaseGrace, 0, 10*365*24*time.Hour),
		between("xet-token-ttl", c.XetTokenTTL, time.Minute, 24*time.Hour),
		between("signed-url-ttl", c.SignedURLTTL, time.Minute, 24*time.Hour),
		between("download-window", c.DownloadWindow, time.Second, 24*time.Hour),
		between("keep-unreachable", c.KeepUnreachable, 0, 10*365*24*time.Hour),
		between("keep-unnamed", c.KeepUnnamed, 0, 365*24*time.Hour),
		between("keep-deleted", c.KeepDeleted, 0, 10*365*24*time.Hour),
		percent("rewrite-below", c.RewriteBelow),
		between("keep-uncommitted", c.KeepUncommitted, 0, 10*365*24*time.Hour),
		between("keep-xorbs", c.KeepXorbs, 0, 10*365*24*time.Hour),
		between("scrub-period", c.ScrubPeriod, 0, 10*365*24*time.Hour),
		atLeast("scrub-rate", c.ScrubRate, 100_000, "100KB"),
		c.checkCatalogue(),
		between("shutdown-timeout", c.ShutdownTimeout, 0, time.Hour),
	)
}

func (c *Config) checkCatalogue() error {
	if d := c.CatalogueEvery; d != 0 && d < time.Minute || d > 365*24*time.Hour {
		return fmt.Errorf("catalogue-every: must be from 1m to a year, or 0 for never, not %s", d)
	}
	return nil
}

func oneOf(name, v string, allowed ...string) error {
	if !slices.Contains(allowed, v) {
		return fmt.Errorf("%s: %q is none of %s", name, v, strings.Join(allowed, ", "))
	}
	return nil
}

func atLeast(name string, v, least int64, text string) error {
	if v < least {
		return fmt.Errorf("%s: must be at least %s", name, text)
	}
	return nil
}

func percent(name string, v int64) error {
	if v < 0 || v > 100 {
		return fmt.Errorf("%s: %d is no percentage from 0 to 100", name, v)
	}
	return nil
}
