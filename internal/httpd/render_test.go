package httpd

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/cairnhub/cairn/internal/errs"
)

// A caller who goes away while the database works is no failure of the hub, so it does not log one.
func TestCallerGoneIsNoFailure(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want int
	}{
		"gone":                      {gone, errs.Wrap("store.Find", context.Canceled), statusCallerGone},
		"gone, another failure":     {gone, errs.Wrap("store.Find", errors.New("disk")), http.StatusInternalServerError},
		"there, something canceled": {t.Context(), errs.Wrap("store.Find", context.Canceled), http.StatusInternalServerError},
		"gone, not found":           {gone, errs.RepoNotFound(), http.StatusUnauthorized},
	} {
		r := httptest.NewRequestWithContext(&exchange{Context: c.ctx}, http.MethodGet, "/", nil)
		w := httptest.NewRecorder()
		(&Server{}).fail(w, r, c.err)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
}
