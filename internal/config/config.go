package config

import "time"

// Config is every setting. Durations and sizes are validated; folders are as given, so relative to where the process
// started.
type Config struct {
	Data           string // the hub's folder
	Listen         string
	SSHListen      string // empty: no git over SSH
	SSHCAKeys      string // file of public keys; empty: no certificates
	TLS            TLS
	HTTPListen     string // beside TLS: sends browsers to https, and proves to ACME who the hub is; empty: none
	URL            string // public URL; empty: taken from each request's host
	SiteName       string
	SMTPURL        string // server that sends the hub's e-mail; empty: it sends none
	MailFrom       string // who the hub's e-mail is from
	DatabaseURL    string
	BlobURL        string
	BackupURL      string // where backups go; empty: the command line says it
	S3AccessKey    string
	S3SecretKey    string
	S3SessionToken string
	CacheDir       string
	CacheSize      int64    // bytes
	MetricsListen  string   // empty: /metrics on the main listener, for administrators
	Proxies        []string // addresses and networks whose X-Forwarded-* headers count
	LogLevel       string
	LogFormat      string

	RateLimit RateLimit
	LFS       LFS
	Limits    Limits

	XetTokenTTL     time.Duration
	SignedURLTTL    time.Duration
	XetDirect       bool // clients fetch pieces of large files from the S3 store themselves
	DownloadWindow  time.Duration
	ShutdownTimeout time.Duration

	KeepUnreachable time.Duration // what no ref reaches stays so long, for its writers
	CatalogueEvery  time.Duration // how often the rows are written beside the objects; 0: never
	KeepUnnamed     time.Duration // stored bytes that nothing names stay so long, for requests and backups under way
	KeepDeleted     time.Duration // a deleted repository may be brought back so long
	KeepUncommitted time.Duration // large files that no commit names stay so long
	ScrubPeriod     time.Duration // in which all stored bytes are read and verified once; 0: never
	ScrubRate       int64         // bytes a second at most, for that
	RewriteBelow    int64         // percent of a xorb's bytes
	KeepXorbs       time.Duration // Xet content that no file is made of stays so long after it was last sent, named or told of

	// Process is no setting: what the process was left by whoever started it.
	Process Process

	sources map[string]string // setting → default, file, env, flag
}

// TLS says whether the hub speaks TLS itself, and by which certificates. The zero value: it does not.
type TLS struct {
	Cert, Key     string   // files in PEM, read again when they change
	ACMEHosts     []string // names that certificates are fetched for
	ACMEEmail     string   // whom the authority writes to
	ACMEDirectory string   // URL of the authority
	ACMECA        string   // file in PEM of whom to trust when asking it; empty: the system's
}

// Enabled reports whether the hub's address is https.
func (t TLS) Enabled() bool { return t.Cert != "" || len(t.ACMEHosts) > 0 }

// RateLimit is how many requests a client may make per window, by policy.
type RateLimit struct {
	Enabled   bool
	Window    time.Duration
	API       int64
	Resolvers int64
	Pages     int64
}

// LFS says which files are large unless a repository says otherwise.
type LFS struct {
	Threshold    int64 // bytes
	PartSize     int64 // bytes of a part of an upload in parts
	KeepVersions int64
	Suffixes     []string
	Release      string        // off, configured, all
	ReleaseGrace time.Duration // that a superseded version stays at least
}

// Limits bound what one request may hold.
type Limits struct {
	RegularFile   int64 // bytes of a file that is kept in git itself
	NDJSONLine    int64 // bytes of one line of a commit
	CommitFiles   int64 // operations in one commit
	CommitRegular int64 // bytes of all regular files of one commit
	LargeFile     int64 // bytes of one large file
	Unfinished    int64 // bytes of one user's unfinished uploads: parts, and Xet content that no shard has named
}

// defaultSuffixes are the files that are large whatever their size.
var defaultSuffixes = []string{
	".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".pb", ".h5", ".tflite", ".gguf", ".ggml", ".msgpack",
	".zip", ".tar", ".gz", ".bz2", ".xz", ".7z", ".rar", ".npy", ".npz", ".arrow", ".parquet",
	".mp4", ".avi", ".mkv", ".mov", ".wav", ".mp3", ".flac", ".tiff", ".tif",
}

// Default is the configuration of a hub that nobody configured, before folders are derived from Data.
func Default() *Config {
	return &Config{
		Data:      "./cairn-data",
		Listen:    "localhost:28080",
		SiteName:  "Cairn",
		CacheSize: 20_000_000_000,
		LogLevel:  "info",
		LogFormat: "text",
		RateLimit: RateLimit{Window: 5 * time.Minute, API: 1000, Resolvers: 5000, Pages: 200},
		LFS:       LFS{Threshold: 5_000_000, PartSize: 64 << 20, KeepVersions: 5, Suffixes: defaultSuffixes, Release: "configured", ReleaseGrace: 7 * 24 * time.Hour},
		Limits: Limits{
			RegularFile:   10_000_000,
			NDJSONLine:    20_000_000,
			CommitFiles:   100_000,
			CommitRegular: 1_000_000_000,
			LargeFile:     500_000_000_000,
			Unfinished:    2_000_000_000_000,
		},
		XetTokenTTL:     15 * time.Minute,
		SignedURLTTL:    15 * time.Minute,
		DownloadWindow:  time.Hour,
		ShutdownTimeout: 30 * time.Second,
		KeepUnreachable: 24 * time.Hour,
		KeepUnnamed:     24 * time.Hour,
		KeepDeleted:     7 * 24 * time.Hour,
		KeepUncommitted: 7 * 24 * time.Hour,
		RewriteBelow:    25,
		KeepXorbs:       22 * 24 * time.Hour,
		ScrubPeriod:     30 * 24 * time.Hour,
		ScrubRate:       50_000_000,
		CatalogueEvery:  24 * time.Hour,
	}
}
