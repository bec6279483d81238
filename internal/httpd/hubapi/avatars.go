package hubapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/profile"
)

const (
	avatarField = "file"

	// An address that says which picture it is stays the same; where it is found may change at any moment.
	avatarCache   = "public, max-age=86400"
	redirectCache = "public, max-age=60"
)

// avatarRoutes are the pictures of users and organisations.
func (a *API) avatarRoutes() []httpd.Route {
	rts := []httpd.Route{
		{ID: "findAvatar", Method: http.MethodGet, Path: "/api/avatars/{namespace}", Right: authz.OwnerRead, Policy: httpd.PolicyNone, Handler: a.findAvatar},
	}
	for id, path := range map[string]string{"User": userPath + "/avatar", "Org": orgPath + "/avatar"} {
		rts = append(rts,
			httpd.Route{ID: "get" + id + "Avatar", Method: http.MethodGet, Path: path, Right: authz.OwnerRead, Policy: httpd.PolicyNone, Handler: a.getAvatar},
			httpd.Route{ID: "set" + id + "Avatar", Method: http.MethodPost, Path: path, Right: authz.OwnerAdmin, Handler: a.setAvatar},
			httpd.Route{ID: "delete" + id + "Avatar", Method: http.MethodDelete, Path: path, Right: authz.OwnerAdmin, Handler: a.deleteAvatar})
	}
	return rts
}

// AvatarURL is where a user's or organisation's picture is found, whatever it is at the time.
func AvatarURL(origin, name string) string { return origin + "/api/avatars/" + url.PathEscape(name) }

// picturePath is the address of one picture for good: of the one that was uploaded, or of the drawing of a name.
func (a *API) picturePath(r *http.Request, o account.Owner) (string, error) {
	hash, err := a.Profiles.PictureOf(r.Context(), o.ID)
	if err != nil {
		return "", err
	}
	if hash == "" {
		return "/avatars/" + url.PathEscape(o.Name) + ".svg", nil
	}
	return "/avatars/" + hash + ".jpg", nil
}

func (a *API) findAvatar(w http.ResponseWriter, r *http.Request) error {
	path, err := a.picturePath(r, httpd.Of(r).Owner)
	if err != nil {
		return err
	}
	w.Header().Set("Location", path)
	w.Header().Set("Cache-Control", redirectCache)
	w.WriteHeader(http.StatusFound)
	return nil
}

// getAvatar answers as its two documents say: the address to who asks for JSON, a redirect to who shows an image, and
// otherwise the picture.
func (a *API) getAvatar(w http.ResponseWriter, r *http.Request) error {
	o := httpd.Of(r).Owner
	w.Header().Set("Vary", "Accept, Sec-Fetch-Dest")
	switch {
	case httpd.Bool(r, "redirect") || r.Header.Get("Sec-Fetch-Dest") == "image":
		return a.findAvatar(w, r)
	case strings.Contains(r.Header.Get("Accept"), "application/json"):
		path, err := a.picturePath(r, o)
		if err != nil {
			return err
		}
		return httpd.JSON(w, r, http.StatusOK, map[string]string{"avatarUrl": httpd.Of(r).Origin + path})
	}
	pic, _, err := a.Profiles.PictureFor(r.Context(), o)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(pic)
	h := w.Header()
	h.Set("Content-Type", "image/jpeg")
	h.Set("Cache-Control", avatarCache)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(pic))
	return nil
}

type avatarDone struct {
	settingsDone
	SizeBytes int64 `json:"size_bytes"`
}

func (a *API) setAvatar(w http.ResponseWriter, r *http.Request) error {
	f, err := httpd.ReadUpload(w, r, a.SpoolDir, avatarField, "picture", profile.MaxUpload)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := a.Profiles.SetPicture(r.Context(), httpd.Of(r).Owner, f)
	if err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, avatarDone{settingsDone{true, "Avatar uploaded successfully"}, n})
}

func (a *API) deleteAvatar(w http.ResponseWriter, r *http.Request) error {
	if err := a.Profiles.DropPicture(r.Context(), httpd.Of(r).Owner); err != nil {
		return err
	}
	return httpd.JSON(w, r, http.StatusOK, settingsDone{true, "Avatar deleted successfully"})
}
