package webui

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
)

// field is one input of a form, as the part "field" draws it: its label, its hint and its problem belong to it for who
// listens as well as for who looks.
type field struct {
	Name, Label  string
	Hint         string
	Type         string // text if empty
	Value        string
	Autocomplete string
	Problem      string // why the value was refused
	Max          int    // characters; 0: no bound but the form's
	Rows         int    // of a text area; 0: one line
	Optional     bool
	Plain        bool // no capitals, no spelling: names, codes, keys
	Code         bool // in the type of code
	Focus        bool
}

// Kind is the input's type.
func (f field) Kind() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

// Described names the elements that say more about the input.
func (f field) Described() string {
	var ids []string
	if f.Problem != "" {
		ids = append(ids, f.Name+"-problem")
	}
	if f.Hint != "" {
		ids = append(ids, f.Name+"-hint")
	}
	return strings.Join(ids, " ")
}

// refused tells a form's failure that its sender can mend, as a sentence and a status, from one that is an error page.
// Tools that take no pages get the error as it is.
func refused(w http.ResponseWriter, r *http.Request, err error) (status int, text string, ok bool) {
	var e *errs.Error
	if !errors.As(err, &e) || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return 0, "", false
	}
	switch e.Kind {
	case errs.Invalid, errs.Unprocessable, errs.Conflict, errs.Unauthenticated, errs.Forbidden:
		status = http.StatusUnprocessableEntity
	case errs.RateLimited:
		status = http.StatusTooManyRequests
		httpd.SetRetry(w.Header(), e)
	default:
		return 0, "", false
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Error-Message", e.Msg)
	return status, strings.TrimSuffix(e.Msg, ".") + ".", true
}
