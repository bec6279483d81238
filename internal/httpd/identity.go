package httpd

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
)

// SessionCookie carries a browser's session.
const SessionCookie = "cairn_session"

// DeviceCookie says that somebody has signed in on this device before. It opens nothing; see account.Remember.
const DeviceCookie = "cairn_device"

// Device is the value of the device's cookie; empty for a device that has none.
func Device(r *http.Request) string {
	c, err := r.Cookie(DeviceCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// actor finds who asks, by whatever carrier: Bearer, Basic with the token as password (git, git-lfs), session cookie.
// The carrier changes nothing about what a token may do.
func (s *Server) actor(r *http.Request) (hub.Actor, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, value, _ := strings.Cut(h, " ")
		switch strings.ToLower(scheme) {
		case "bearer":
			return s.o.Accounts.Authenticate(r.Context(), strings.TrimSpace(value))
		case "basic":
			user, password, ok := r.BasicAuth()
			if !ok {
				return hub.Actor{}, badCredentials()
			}
			if password == "" {
				password = user // the token as user name, as some git set-ups have it
			}
			return s.o.Accounts.Authenticate(r.Context(), password)
		}
		return hub.Actor{}, badCredentials()
	}
	c, err := r.Cookie(SessionCookie)
	if err != nil {
		return hub.Actor{}, nil //nolint:nilerr // no cookie: nobody in particular
	}
	if !safeMethod(r.Method) && !sameSite(r) {
		return hub.Actor{}, errs.New(errs.Forbidden, "This request comes from another site. Open the hub itself and try again.")
	}
	actor, err := s.o.Accounts.SessionActor(r.Context(), c.Value)
	if errs.Is(err, errs.Unauthenticated) {
		return hub.Actor{}, nil // an old cookie is as good as none
	}
	return actor, err
}

// SessionUser is the id of the user who has signed in on the browser that sends the request; empty for nobody, and for any
// other proof.
func SessionUser(r *http.Request) string {
	by := Of(r).Actor
	if by.Proof != hub.ProofSession || by.TokenID != "" {
		return ""
	}
	return by.UserID
}

// tokenShape is what this hub's tokens and those of the Hub look like.
var tokenShape = regexp.MustCompile(`^hf_[A-Za-z0-9]{30,}$`)

// refuseInAddress refuses a request whose address holds a token: addresses end up in logs, histories and caches.
func refuseInAddress(r *http.Request) error {
	if !strings.Contains(r.URL.RawQuery, "access_token") && !strings.Contains(r.URL.RawQuery, "hf_") {
		return nil
	}
	for name, values := range r.URL.Query() {
		if name == "access_token" || slices.ContainsFunc(values, tokenShape.MatchString) {
			return errs.New(errs.Invalid, "An access token stands in the address of this request, where others may read it. "+
				"Send it in the Authorization header, and revoke this one.")
		}
	}
	return nil
}

func badCredentials() error {
	return errs.New(errs.Unauthenticated, "Invalid credentials in Authorization header")
}

func safeMethod(m string) bool { return m == http.MethodGet || m == http.MethodHead }

// sameSite reports whether a browser says that the request comes from the hub's own pages. A cookie is worth nothing
// without it, so that another site cannot act in its visitor's name.
func sameSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		return fromOwnOrigin(r)
	}
	return false
}

// fromOwnOrigin reads what a browser says of its page where it does not send Sec-Fetch-Site, as over plain http: the
// host that was asked for, or the hub's own address, since a proxy in front may have written another host.
func fromOwnOrigin(r *http.Request) bool {
	o := r.Header.Get("Origin")
	u, err := url.Parse(o)
	return err == nil && u.Host != "" && (u.Host == r.Host || o == Of(r).Origin)
}

// FromElsewhere refuses a request that a browser sent for another site, in words for who reads them. Routes that take a
// proof in their body ask it; those that a cookie opens have been asked. What sends no headers about itself is no browser
// of our day.
func FromElsewhere(r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "" && r.Header.Get("Origin") == "" || sameSite(r) {
		return nil
	}
	return errs.New(errs.Forbidden, "This request comes from another site. Open the hub itself and try again.")
}

type proxyList []netip.Prefix

func parseProxies(cidrs []string) (proxyList, error) {
	var l proxyList
	for _, c := range cidrs {
		if !strings.Contains(c, "/") {
			a, err := netip.ParseAddr(c)
			if err != nil {
				return nil, err
			}
			l = append(l, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(c)
		if err != nil {
			return nil, err
		}
		l = append(l, p)
	}
	return l, nil
}

// sent reports whether a request came through one of the proxies.
func (l proxyList) sent(r *http.Request) bool { return len(l) > 0 && l.has(remote(r)) }

func (l proxyList) has(a netip.Addr) bool {
	for _, p := range l {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

func remote(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr().Unmap()
}

// Addr is the client's address: the peer, or what a trusted proxy in front says.
func (s *Server) Addr(r *http.Request) netip.Addr {
	a := remote(r)
	if !s.proxies.has(a) {
		return a
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		h, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if a = h.Unmap(); !s.proxies.has(a) {
			break
		}
	}
	return a
}

// clientAddr is Addr as text; empty when nobody knows it.
func (s *Server) clientAddr(r *http.Request) string {
	if a := s.Addr(r); a.IsValid() {
		return a.String()
	}
	return ""
}

// client is whom a rate limit counts: the user, else the network address (a /64 for IPv6).
func (s *Server) client(r *http.Request, actor hub.Actor) string {
	if !actor.Anonymous() {
		return "u:" + actor.UserID
	}
	a := s.Addr(r)
	if a.Is6() {
		p, _ := a.Prefix(64)
		return p.String()
	}
	return a.String()
}

// Client is whom downloads are counted by: the user, else the network address.
func (s *Server) Client(r *http.Request) string { return s.client(r, Of(r).Actor) }

// origin is the URL under which the client reached the hub, without a trailing slash.
func (s *Server) origin(r *http.Request) string {
	if s.o.URL != "" {
		return strings.TrimSuffix(s.o.URL, "/")
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if s.proxies.sent(r) {
		if v := r.Header.Get("X-Forwarded-Proto"); v == "https" || v == "http" {
			scheme = v
		}
		if v := r.Header.Get("X-Forwarded-Host"); validHost(v) {
			host = v
		}
	}
	if !validHost(host) {
		host = "localhost"
	}
	return scheme + "://" + host
}

// validHost keeps what a client writes into Host from reaching a header or a link as anything but a host.
func validHost(h string) bool {
	if h == "" || len(h) > 300 {
		return false
	}
	return !strings.ContainsFunc(h, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".-:[]_", c)
	})
}
