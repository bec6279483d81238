package httpd

import (
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/tempfile"
)

const (
	aroundUpload = 64 << 10 // what a form may have besides the file
	maxParts     = 16
)

// ReadUpload spools the file of a form's field into a folder; the caller closes it. What its sender calls it and says it
// is does not count. what is for messages: "picture".
func ReadUpload(w http.ResponseWriter, r *http.Request, dir, field, what string, limit int64) (*os.File, error) {
	r.Body = http.MaxBytesReader(w, r.Body, limit+aroundUpload)
	form, err := r.MultipartReader()
	if err != nil {
		return nil, errs.New(errs.Invalid, "Send the %s as multipart/form-data, in the field %q", what, field)
	}
	for range maxParts {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, badUpload(err, what, limit)
		}
		if part.FormName() == field {
			return spoolUpload(part, dir, what, limit)
		}
	}
	return nil, errs.New(errs.Invalid, "The form has no field %q with a %s", field, what)
}

func spoolUpload(src io.Reader, dir, what string, limit int64) (*os.File, error) {
	f, err := tempfile.New(dir)
	if err != nil {
		return nil, errs.Wrap("httpd.ReadUpload", err)
	}
	n, err := io.Copy(f, io.LimitReader(src, limit+1))
	switch {
	case err != nil:
		err = badUpload(err, what, limit)
	case n > limit:
		err = uploadTooLarge(what, limit)
	default:
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// badUpload is what went wrong with reading: a body beyond its bound says so itself.
func badUpload(err error, what string, limit int64) error {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return uploadTooLarge(what, limit)
	}
	return errs.New(errs.Invalid, "The form is damaged or was cut")
}

func uploadTooLarge(what string, limit int64) error {
	return errs.New(errs.TooLarge, "The %s is larger than %d MB", what, limit/1_000_000)
}
