package httpd

import (
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
)

// Span is a range of bytes: N bytes from Off on.
type Span struct{ Off, N int64 }

// ContentRange is the value of the Content-Range header.
func (s Span) ContentRange(size int64) string {
	return "bytes " + strconv.FormatInt(s.Off, 10) + "-" + strconv.FormatInt(s.Off+s.N-1, 10) + "/" + strconv.FormatInt(size, 10)
}

// maxSpans bounds a multi-range request.
const maxSpans = 64

// ParseRange reads a Range header (RFC 9110, section 14.2). None, or a form that is not understood: nil, which means the
// whole content. Ranges that all lie outside: RangeUnsatisfiable. So many or so much overlap that more than the content
// would be sent is refused.
func ParseRange(h string, size int64) ([]Span, error) {
	specs, ok := strings.CutPrefix(h, "bytes=")
	if !ok {
		return nil, nil
	}
	var spans []Span
	var total int64
	parts := strings.Split(specs, ",")
	if len(parts) > maxSpans {
		return nil, errs.New(errs.RangeUnsatisfiable, "At most %d ranges may be asked for at once.", maxSpans)
	}
	for _, p := range parts {
		s, valid, inside := parseSpan(textproto.TrimString(p), size)
		if !valid {
			return nil, nil
		}
		if inside {
			spans = append(spans, s)
			total += s.N
		}
	}
	if len(spans) == 0 || len(spans) > 1 && total > size {
		return nil, errs.New(errs.RangeUnsatisfiable, "The range %q lies outside of the %d bytes of this file.", headerText(h), size)
	}
	return spans, nil
}

// parseSpan reads one of a-b, a-, -n. Numbers may be as large as 2^64-1.
func parseSpan(p string, size int64) (s Span, valid, inside bool) {
	from, to, ok := strings.Cut(p, "-")
	if !ok {
		return s, false, false
	}
	if from == "" {
		n, err := strconv.ParseUint(to, 10, 64)
		if err != nil {
			return s, false, false
		}
		k := int64(min(n, uint64(size)))
		return Span{size - k, k}, true, k > 0
	}
	a, err := strconv.ParseUint(from, 10, 64)
	if err != nil {
		return s, false, false
	}
	b := uint64(1<<64 - 1)
	if to != "" {
		if b, err = strconv.ParseUint(to, 10, 64); err != nil || b < a {
			return s, false, false
		}
	}
	if a >= uint64(size) {
		return s, true, false
	}
	end := uint64(size)
	if b < end {
		end = b + 1
	}
	return Span{int64(a), int64(end - a)}, true, true
}

// NotModified reports whether the client holds the entity already (If-None-Match).
func NotModified(r *http.Request, etag string) bool {
	h := r.Header.Get("If-None-Match")
	return h != "" && matchETag(h, etag)
}

// RangeHolds reports whether a Range header is to be obeyed, given If-Range.
func RangeHolds(r *http.Request, etag string) bool {
	h := r.Header.Get("If-Range")
	return h == "" || h == etag
}

// PreconditionFails reports whether If-Match names another entity.
func PreconditionFails(r *http.Request, etag string) bool {
	h := r.Header.Get("If-Match")
	return h != "" && !matchETag(h, etag)
}

func matchETag(list, etag string) bool {
	for t := range strings.SplitSeq(list, ",") {
		t = strings.TrimPrefix(strings.TrimSpace(t), "W/")
		if t == "*" || t == etag || `"`+t+`"` == etag {
			return true
		}
	}
	return false
}
