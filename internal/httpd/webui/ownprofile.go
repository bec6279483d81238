package webui

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/profile"
)

const (
	profilePath    = "/settings/profile"
	maxProfileText = 1000
	maxWebsite     = 300
	maxHandle      = 65
	handlePrefix   = "at-" // of the fields of handles: the network follows
)

func (a *API) profileRoutes() []httpd.Route {
	get, post := http.MethodGet, http.MethodPost
	return []httpd.Route{
		{ID: "profilePage", Method: get, Path: profilePath, Right: authz.Account, Handler: a.profilePage},
		{ID: "changeProfileForm", Method: post, Path: profilePath, Right: authz.Account, Handler: a.changeProfile},
		{ID: "uploadPictureForm", Method: post, Path: "/settings/picture", Right: authz.Account, Handler: a.uploadPicture},
		{ID: "removePictureForm", Method: post, Path: "/settings/picture/remove", Right: authz.Account, Handler: a.removePicture},
	}
}

type profilePage struct {
	settingsPage
	PictureProblem string
	HasPicture     bool
	Fields         []field
	Handles        []field
}

// handles are the networks of a profile, in the order of the form.
var handles = []struct{ key, label string }{
	{"github", "GitHub"}, {"huggingface", "Hugging Face"}, {"twitter_x", "X"}, {"bluesky", "Bluesky"}, {"threads", "Threads"}, {"linkedin", "LinkedIn"},
}

// me is the caller as the owner of a profile.
func me(r *http.Request) account.Owner {
	actor := httpd.Of(r).Actor
	return account.Owner{ID: actor.UserID, Kind: account.KindUser, Name: actor.Name}
}

// newProfilePage is the page with what is kept or, when a form was refused, with what that said.
func (a *API) newProfilePage(r *http.Request, form url.Values) (profilePage, error) {
	p := profilePage{settingsPage: userSettings(r, profilePath)}
	kept, err := a.Profiles.Get(r.Context(), me(r).ID)
	if err != nil {
		return p, err
	}
	user, err := a.Accounts.GetByID(r.Context(), me(r).ID)
	if err != nil {
		return p, err
	}
	p.HasPicture = kept.Picture != ""
	p.Fields = []field{
		{Name: "full_name", Label: "Full name", Value: user.Fullname, Autocomplete: "name", Max: maxTokenName, Optional: true},
		{Name: "bio", Label: "About you", Value: kept.Bio, Rows: 4, Max: maxProfileText, Optional: true},
		{Name: "website", Label: "Website", Value: kept.Website, Type: "url", Autocomplete: "url", Max: maxWebsite, Plain: true, Optional: true, Hint: "It begins with https://."},
	}
	for _, h := range handles {
		p.Handles = append(p.Handles, field{Name: handlePrefix + h.key, Label: h.label, Value: kept.Socials[h.key], Autocomplete: "off", Max: maxHandle, Plain: true, Optional: true})
	}
	if form != nil {
		for _, list := range [][]field{p.Fields, p.Handles} {
			for i := range list {
				list[i].Value = form.Get(list[i].Name)
			}
		}
	}
	return p, nil
}

func (a *API) profilePage(w http.ResponseWriter, r *http.Request) error {
	p, err := a.newProfilePage(r, nil)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, "profile", p)
}

func (a *API) changeProfile(w http.ResponseWriter, r *http.Request) error {
	form, err := readFormOf(w, r, maxTokenForm)
	if err != nil {
		return err
	}
	settings, wrong := readProfile(form)
	err = wrong.err
	if err == nil {
		err = a.Profiles.Set(r.Context(), me(r), settings)
	}
	if err == nil {
		seeOther(w, profilePath+"?done=profile")
		return nil
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newProfilePage(r, form)
	if err != nil {
		return err
	}
	if !mark(p.Fields, wrong.field, text) && !mark(p.Handles, wrong.field, text) {
		p.Settings.Problem = text
	}
	return write(w, r, status, "profile", p)
}

// refusedField is the first field of a form that cannot be taken.
type refusedField struct {
	field string
	err   error
}

// readProfile makes settings of a form. Each field is checked by itself, so that a refusal can stand at its field.
func readProfile(form url.Values) (profile.Settings, refusedField) {
	in := profile.Settings{}
	for _, name := range []string{"full_name", "bio", "website"} {
		in[name], _ = json.Marshal(form.Get(name)) // a text
		if err := (profile.Settings{name: in[name]}).Check(account.KindUser); err != nil {
			return nil, refusedField{name, err}
		}
	}
	social := map[string]string{}
	for _, h := range handles {
		social[h.key] = form.Get(handlePrefix + h.key)
		one, _ := json.Marshal(map[string]string{h.key: social[h.key]})
		if err := (profile.Settings{"social_media": one}).Check(account.KindUser); err != nil {
			return nil, refusedField{handlePrefix + h.key, err}
		}
	}
	in["social_media"], _ = json.Marshal(social)
	return in, refusedField{}
}

// mark says at a field why it was refused.
func mark(list []field, name, text string) bool {
	for i := range list {
		if list[i].Name == name {
			list[i].Problem, list[i].Focus = text, true
			return true
		}
	}
	return false
}

func (a *API) uploadPicture(w http.ResponseWriter, r *http.Request) error {
	err := a.takePicture(w, r)
	if err == nil {
		seeOther(w, profilePath+"?done=picture")
		return nil
	}
	if errs.Is(err, errs.TooLarge) {
		err = errs.New(errs.Unprocessable, "The picture is larger than %d MB", profile.MaxUpload/1_000_000)
	}
	status, text, ok := refused(w, r, err)
	if !ok {
		return err
	}
	p, err := a.newProfilePage(r, nil)
	if err != nil {
		return err
	}
	p.PictureProblem = text
	return write(w, r, status, "profile", p)
}

func (a *API) takePicture(w http.ResponseWriter, r *http.Request) error {
	f, err := httpd.ReadUpload(w, r, a.SpoolDir, "file", "picture", profile.MaxUpload)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = a.Profiles.SetPicture(r.Context(), me(r), f)
	return err
}

func (a *API) removePicture(w http.ResponseWriter, r *http.Request) error {
	if err := a.Profiles.DropPicture(r.Context(), me(r)); err != nil {
		return err
	}
	seeOther(w, profilePath+"?done=picture-removed")
	return nil
}
