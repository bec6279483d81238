package s3

import (
	"fmt"
	"net/url"
	"strings"
)

// Options say where the bucket is.
type Options struct {
	Endpoint  string // http://host:port; empty: AWS itself
	Public    string // the endpoint as clients reach it, for the URLs that they are given; empty: Endpoint
	Region    string // us-east-1 when empty
	Bucket    string
	Prefix    string // of all keys, without slashes at its ends
	AccessKey string
	SecretKey string
	Session   string // the token of temporary credentials
	TempDir   string // where uploads wait until their size is known; the system's folder when empty
}

// ParseURL reads s3://bucket/prefix?endpoint=http://host:port&region=…&access_key=…&secret_key=…&public_endpoint=…. Credentials that the
// URL lacks are for the caller to fill in.
func ParseURL(address string) (Options, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Options{}, fmt.Errorf("storage URL: not a URL") // the parser's error would show the secret
	}
	q := u.Query()
	o := Options{
		Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Endpoint: q.Get("endpoint"), Region: q.Get("region"),
		Public: q.Get("public_endpoint"), AccessKey: q.Get("access_key"), SecretKey: q.Get("secret_key"), Session: q.Get("session_token"),
	}
	if u.Scheme != "s3" || o.Bucket == "" {
		return Options{}, fmt.Errorf("storage URL: want s3://bucket/prefix?endpoint=http://host:port&region=…")
	}
	for name := range q {
		switch name {
		case "endpoint", "public_endpoint", "region", "access_key", "secret_key", "session_token":
		default:
			return Options{}, fmt.Errorf("storage URL: unknown parameter %q", name)
		}
	}
	for name, endpoint := range map[string]string{"endpoint": o.Endpoint, "public_endpoint": o.Public} {
		if e, err := url.Parse(endpoint); endpoint != "" && (err != nil || e.Host == "" || e.Scheme != "http" && e.Scheme != "https") {
			return Options{}, fmt.Errorf("storage URL: %s %q is not http://host:port or https://host", name, endpoint)
		}
	}
	return o, nil
}
