package webui

import (
	"net/http"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/httpd"
)

const sessionsPath = "/settings/sessions"

type sessionsPage struct {
	settingsPage
	Sessions []sessionItem
}

type sessionItem struct {
	ID, Browser, Addr            string
	Here                         bool
	CreatedAt, SeenAt, ExpiresAt time.Time
}

func (a *API) sessionsPage(w http.ResponseWriter, r *http.Request) error {
	sessions, err := a.Accounts.Sessions(r.Context(), httpd.Of(r).Actor.UserID)
	if err != nil {
		return err
	}
	p := sessionsPage{settingsPage: userSettings(r, sessionsPath)}
	here := ""
	if c, err := r.Cookie(httpd.SessionCookie); err == nil {
		here = account.SessionID(c.Value)
	}
	for _, s := range sessions {
		p.Sessions = append(p.Sessions, sessionItem{ID: s.ID, Browser: browserName(s.UserAgent), Addr: s.Addr, Here: s.ID == here, CreatedAt: s.CreatedAt, SeenAt: s.LastSeenAt, ExpiresAt: s.ExpiresAt})
	}
	return write(w, r, http.StatusOK, "sessions", p)
}

// browserName says what people call a browser, as far as its User-Agent tells.
func browserName(agent string) string {
	name, system := "", ""
	for _, b := range [][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrom", "Chrome"}, {"Safari/", "Safari"}} {
		if strings.Contains(agent, b[0]) {
			name = b[1]
			break
		}
	}
	for _, s := range [][2]string{{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}} {
		if strings.Contains(agent, s[0]) {
			system = s[1]
			break
		}
	}
	switch {
	case name != "" && system != "":
		return name + " on " + system
	case name != "":
		return name
	case agent != "":
		return clip(agent, 60)
	}
	return "A browser that did not say its name"
}

// endOneSession ends a session of the caller's; their own one as signing out does.
func (a *API) endOneSession(w http.ResponseWriter, r *http.Request) error {
	id := httpd.Param(r, "session")
	if err := a.Accounts.RevokeSession(r.Context(), httpd.Of(r).Actor.UserID, id); err != nil {
		return err
	}
	if c, err := r.Cookie(httpd.SessionCookie); err == nil && account.SessionID(c.Value) == id {
		setCookie(w, r, httpd.SessionCookie, "", -1)
		seeOther(w, "/")
		return nil
	}
	seeOther(w, sessionsPath+"?done=session")
	return nil
}
