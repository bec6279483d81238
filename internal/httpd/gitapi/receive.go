package gitapi

import (
	"net/http"

	"github.com/cairnhub/cairn/internal/errs"
)

func (a *API) receivePack(http.ResponseWriter, *http.Request) error {
	return errs.Unsupported("Push is not built yet. Use hf upload.")
}
