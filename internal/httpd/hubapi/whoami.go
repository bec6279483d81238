package hubapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/content"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/hub"
)

type whoamiAnswer struct {
	Type          string      `json:"type"`
	ID            string      `json:"id"`
	Name          string      `json:"name"`
	Fullname      string      `json:"fullname"`
	Email         *string     `json:"email"`
	EmailVerified bool        `json:"emailVerified"`
	CanPay        bool        `json:"canPay"`
	BillingMode   string      `json:"billingMode"`
	PeriodEnd     *int64      `json:"periodEnd"`
	IsPro         bool        `json:"isPro"`
	AvatarURL     string      `json:"avatarUrl"`
	Orgs          []whoamiOrg `json:"orgs"`
	Auth          whoamiAuth  `json:"auth"`
	Site          whoamiSite  `json:"site"`
}

type whoamiOrg struct {
	Type        string  `json:"type"`
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Fullname    string  `json:"fullname"`
	Email       *string `json:"email"`
	CanPay      bool    `json:"canPay"`
	BillingMode string  `json:"billingMode"`
	PeriodEnd   *int64  `json:"periodEnd"`
	AvatarURL   string  `json:"avatarUrl"`
	RoleInOrg   string  `json:"roleInOrg"`
	// What keeps this token out of the organisation; a session and other tokens may still be let in.
	SecurityRestrictions []string `json:"securityRestrictions,omitempty"`
}

type whoamiAuth struct {
	Type        string       `json:"type"` // access_token, session
	AccessToken *whoamiToken `json:"accessToken,omitempty"`
	ExpiresAt   *string      `json:"expiresAt,omitempty"`
}

type whoamiToken struct {
	DisplayName string             `json:"displayName"`
	Role        string             `json:"role"`
	FineGrained *fineGrainedAnswer `json:"fineGrained,omitempty"`
	CreatedAt   string             `json:"createdAt"`
}

type whoamiSite struct {
	Name    string `json:"name"`
	API     string `json:"api"`
	Version string `json:"version"`
}

// There is nothing to pay here; the schema wants a mode all the same.
const billingMode = "prepaid"

func (a *API) whoami(w http.ResponseWriter, r *http.Request) error {
	st := httpd.Of(r)
	id, err := a.Accounts.Whoami(r.Context(), st.Actor)
	if err != nil {
		return err
	}
	u := id.User
	out := whoamiAnswer{Type: "user", ID: u.ID, Name: u.Name, Fullname: u.Fullname, EmailVerified: u.EmailVerified, BillingMode: billingMode,
		AvatarURL: AvatarURL(st.Origin, u.Name), Orgs: []whoamiOrg{}, Auth: whoamiAuth{Type: "session"},
		Site: whoamiSite{Name: a.Site.Name, API: "cairn", Version: a.Site.Version}}
	if u.Email != "" {
		out.Email = &u.Email
	}
	for _, m := range id.Orgs {
		if m.Role != hub.RoleNone {
			o := orgOf(st.Origin, m)
			if id.Token != nil && id.Token.BarredFrom(m.OrgID) {
				o.SecurityRestrictions = []string{"token-revoked"}
			}
			out.Orgs = append(out.Orgs, o)
		}
	}
	if id.Token != nil {
		if out.Auth, err = a.authOf(r, id.Token); err != nil {
			return err
		}
		email, err := a.OAuth.TellsEmail(r.Context(), id.Token.ID)
		if err != nil {
			return err
		}
		if !email { // as the OAuth door's userinfo has it
			out.Email, out.EmailVerified = nil, false
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	return httpd.JSON(w, r, http.StatusOK, out)
}

func (a *API) authOf(r *http.Request, t *account.Token) (whoamiAuth, error) {
	fine, err := a.fineGrained(r, []*account.Token{t})
	if err != nil {
		return whoamiAuth{}, err
	}
	token := &whoamiToken{DisplayName: t.Name, Role: string(t.Role), FineGrained: fine[0], CreatedAt: content.Date(t.CreatedAt)}
	return whoamiAuth{Type: "access_token", AccessToken: token, ExpiresAt: dateOrNull(t.ExpiresAt)}, nil
}

func orgOf(origin string, m account.Membership) whoamiOrg {
	return whoamiOrg{Type: "org", ID: m.OrgID, Name: m.Name, Fullname: m.Fullname, BillingMode: billingMode,
		AvatarURL: AvatarURL(origin, m.Name), RoleInOrg: string(m.Role)}
}
