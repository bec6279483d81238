package hubapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/profile"
	"github.com/cairnhub/cairn/internal/tempfile"
)

const (
	aroundUpload = 64 << 10 // what a form may have besides the picture
	maxParts     = 16
	avatarField  = "file"

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
	f, err := a.readUpload(w, r)
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

// readUpload spools the picture of a form. What its sender calls it and says it is does not count.
func (a *API) readUpload(w http.ResponseWriter, r *http.Request) (*os.File, error) {
	r.Body = http.MaxBytesReader(w, r.Body, profile.MaxUpload+aroundUpload)
	form, err := r.MultipartReader()
	if err != nil {
		return nil, errs.New(errs.Invalid, "Send the picture as multipart/form-data, in the field %q", avatarField)
	}
	for range maxParts {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, badForm(err)
		}
		if part.FormName() == avatarField {
			return a.spool(part)
		}
	}
	return nil, errs.New(errs.Invalid, "The form has no field %q with a picture", avatarField)
}

func (a *API) spool(src io.Reader) (*os.File, error) {
	f, err := tempfile.New(a.SpoolDir)
	if err != nil {
		return nil, errs.Wrap("hubapi.spool", err)
	}
	n, err := io.Copy(f, io.LimitReader(src, profile.MaxUpload+1))
	switch {
	case err != nil:
		err = badForm(err)
	case n > profile.MaxUpload:
		err = errs.New(errs.TooLarge, "The picture is larger than %d MB", profile.MaxUpload/1_000_000)
	default:
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// badForm is what went wrong with reading: a body beyond its bound says so itself.
func badForm(err error) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return errs.New(errs.TooLarge, "The picture is larger than %d MB", profile.MaxUpload/1_000_000)
	}
	return errs.New(errs.Invalid, "The form is damaged or was cut")
}
