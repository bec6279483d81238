package config

import "strings"

// Setting describes one setting, for flags and documentation.
type Setting struct {
	Name string // the flag and the key in the file
	Help string
	Bool bool // the flag needs no value

	value value
	mask  func(string) string // hides what is secret of the value; nil: nothing is
	alias string              // another variable of the environment
}

// Env is the setting's variable.
func (s Setting) Env() string {
	return "CAIRN_" + strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
}

// Settings describes every setting, in the order of documentation.
func Settings() []Setting { return Default().settings() }

// Default is the value that the setting has when nobody sets it; empty for what is derived from others.
func (s Setting) Default() string { return s.value.get() }

// settings binds the names to the fields of c.
func (c *Config) settings() []Setting {
	return []Setting{
		{Name: "data", Help: "folder of the hub: database, files and cache, unless they are told to live elsewhere", value: text(&c.Data)},
		{Name: "listen", Help: "address and port to serve on", value: text(&c.Listen)},
		{Name: "ssh-listen", Help: "address and port for git over SSH, such as :2222; empty: off", value: text(&c.SSHListen)},
		{Name: "ssh-ca-keys", Help: "file of public keys, one a line, of authorities whose SSH certificates name users; empty: only keys of users count", value: text(&c.SSHCAKeys)},
		{Name: "tls-cert", Help: "file of the certificate and its chain in PEM, to serve https; read again when it changes", value: text(&c.TLS.Cert)},
		{Name: "tls-key", Help: "file of the certificate's private key in PEM", value: text(&c.TLS.Key)},
		{Name: "acme-hosts", Help: "host names to fetch and renew certificates for by ACME, to serve https; the authority must reach the hub on port 443 or, with http-listen, 80", value: list(&c.TLS.ACMEHosts)},
		{Name: "acme-email", Help: "address that the ACME authority writes to when something is wrong with a certificate", value: text(&c.TLS.ACMEEmail)},
		{Name: "acme-directory", Help: "URL of the ACME authority; empty: Let's Encrypt", value: text(&c.TLS.ACMEDirectory)},
		{Name: "acme-ca", Help: "file in PEM of the certificates that the ACME authority's own address is trusted by; empty: the system's", value: text(&c.TLS.ACMECA)},
		{Name: "http-listen", Help: "with https: address and port, such as :80, that sends browsers to https and answers ACME; empty: none", value: text(&c.HTTPListen)},
		{Name: "url", Help: "public URL of the hub, as clients reach it; empty: taken from each request's host", value: text(&c.URL)},
		{Name: "site-name", Help: "name of the hub on its pages", value: text(&c.SiteName)},
		{Name: "smtp-url", Help: "server that sends the hub's e-mail: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465; empty: none is sent, and the log has the links", value: text(&c.SMTPURL), mask: maskURL},
		{Name: "mail-from", Help: "address that the hub's e-mail is from, such as Hub <hub@example.org>", value: text(&c.MailFrom)},
		{Name: "database-url", Help: "sqlite:/path/to/file.db or postgres://user:password@host/database; empty: cairn.db in the data folder", value: text(&c.DatabaseURL), mask: maskURL},
		{Name: "blob-url", Help: "file:/path/to/folder or s3://bucket/prefix?endpoint=https://host&region=name, with &public_endpoint=https://host if clients reach the store by another name (xet-direct); empty: blobs in the data folder", value: text(&c.BlobURL), mask: maskURL},
		{Name: "backup-url", Help: "where 'cairn backup' goes when the command line names no place: a folder, file:/path or s3://…", value: text(&c.BackupURL), mask: maskURL},
		{Name: "s3-access-key", Help: "access key of the S3 store", value: text(&c.S3AccessKey), alias: "AWS_ACCESS_KEY_ID"},
		{Name: "s3-secret-key", Help: "secret key of the S3 store", value: text(&c.S3SecretKey), alias: "AWS_SECRET_ACCESS_KEY", mask: maskAll},
		{Name: "s3-session-token", Help: "token that goes with temporary keys of the S3 store", value: text(&c.S3SessionToken), alias: "AWS_SESSION_TOKEN", mask: maskAll},
		{Name: "cache-dir", Help: "folder for what can be fetched or made again, best on a fast disk; empty: cache in the data folder", value: text(&c.CacheDir)},
		{Name: "cache-size", Help: "how large the cache may grow", value: size(&c.CacheSize)},
		{Name: "metrics-listen", Help: "address and port that serves /metrics to everybody who reaches it; empty: on the main address, for administrators", value: text(&c.MetricsListen)},
		{Name: "trusted-proxies", Help: "addresses or networks of proxies in front whose X-Forwarded-* headers count, separated by commas", value: list(&c.Proxies)},
		{Name: "log-level", Help: "debug, info, warn or error", value: text(&c.LogLevel)},
		{Name: "log-format", Help: "text or json", value: text(&c.LogFormat)},
		{Name: "rate-limit", Help: "count requests and answer 429 beyond the quotas below", Bool: true, value: boolean(&c.RateLimit.Enabled)},
		{Name: "rate-limit-window", Help: "time that the quotas count over", value: duration(&c.RateLimit.Window)},
		{Name: "rate-limit-api", Help: "API requests of one client per window; 0: no limit", value: number(&c.RateLimit.API)},
		{Name: "rate-limit-resolvers", Help: "file requests of one client per window; 0: no limit", value: number(&c.RateLimit.Resolvers)},
		{Name: "rate-limit-pages", Help: "pages of one client per window; 0: no limit", value: number(&c.RateLimit.Pages)},
		{Name: "lfs-threshold", Help: "size from which on a file is stored as a large one; repositories may set their own", value: size(&c.LFS.Threshold)},
		{Name: "lfs-part-size", Help: "size of the parts in which LFS clients send larger files, if they can; below what proxies in front let through", value: size(&c.LFS.PartSize)},
		{Name: "lfs-keep-versions", Help: "versions of a large file that a repository keeps by default", value: number(&c.LFS.KeepVersions)},
		{Name: "lfs-release", Help: "where versions of a large file beyond lfs-keep-versions are given up: configured, in repositories that set lfs_keep_versions themselves; all; off", value: text(&c.LFS.Release)},
		{Name: "lfs-release-grace", Help: "time that such a version stays after it was superseded", value: duration(&c.LFS.ReleaseGrace)},
		{Name: "lfs-suffixes", Help: "endings of files that are stored as large ones whatever their size", value: list(&c.LFS.Suffixes)},
		{Name: "max-regular-file", Help: "largest file that is kept in git itself", value: size(&c.Limits.RegularFile)},
		{Name: "max-ndjson-line", Help: "largest line of a commit request: a regular file in base64", value: size(&c.Limits.NDJSONLine)},
		{Name: "max-commit-files", Help: "operations in one commit", value: number(&c.Limits.CommitFiles)},
		{Name: "max-commit-regular", Help: "bytes of all regular files of one commit", value: size(&c.Limits.CommitRegular)},
		{Name: "max-large-file", Help: "largest file of all", value: size(&c.Limits.LargeFile)},
		{Name: "max-unfinished", Help: "bytes that one user's unfinished uploads may take: parts, and Xet content that no shard has named yet", value: size(&c.Limits.Unfinished)},
		{Name: "xet-token-ttl", Help: "life of the tokens that clients upload and download large files with", value: duration(&c.XetTokenTTL)},
		{Name: "signed-url-ttl", Help: "life of a signed URL of a piece of a large file", value: duration(&c.SignedURLTTL)},
		{Name: "xet-direct", Help: "Xet clients fetch pieces of large files from the S3 store by URLs that it accepts for exactly these bytes, not through the hub, which then does not check them; the store must be in the clients' reach", Bool: true, value: boolean(&c.XetDirect)},
		{Name: "download-window", Help: "time within which the downloads of a repository by one client count as one", value: duration(&c.DownloadWindow)},
		{Name: "keep-unreachable", Help: "time that commits which no branch or tag reaches any more are kept, so that writers can bring them back", value: duration(&c.KeepUnreachable)},
		{Name: "keep-unnamed", Help: "time that stored git data stays after nothing names it any more: longer than a backup takes", value: duration(&c.KeepUnnamed)},
		{Name: "keep-deleted", Help: "time that a deleted repository may be brought back; 0: it is removed at once", value: duration(&c.KeepDeleted)},
		{Name: "keep-uncommitted", Help: "time that a repository's large files stay which no commit names: sent and never committed, or named only by history that was collected", value: duration(&c.KeepUncommitted)},
		{Name: "keep-xorbs", Help: "time that Xet content which no file is made of stays after it was last sent or told of: clients build on it for 21 days without asking", value: duration(&c.KeepXorbs)},
		{Name: "scrub-period", Help: "time in which all stored bytes are read and verified once; 0: never", value: duration(&c.ScrubPeriod)},
		{Name: "scrub-rate", Help: "how much of them is read in a second at most", value: size(&c.ScrubRate)},
		{Name: "catalogue-every", Help: "how often all rows are written beside the objects, so that a lost database can be made again; 0: never", value: duration(&c.CatalogueEvery)},
		{Name: "rewrite-below", Help: "percent of a stored object of large files' content below which what files still name of it is written anew; 0: never", value: number(&c.RewriteBelow)},
		{Name: "shutdown-timeout", Help: "time that requests under way get to finish when the hub stops", value: duration(&c.ShutdownTimeout)},
	}
}
