package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Validate holds one answer against the operation id that the route names: its status is listed, the required headers
// are there and well-formed, the content type is one of the operation's, a JSON body has the promised shape.
//
// body is the whole answer if its type is JSON or NDJSON and may be nil for any other. The id Unserved stands for
// operations that answer 501; an empty id for requests that met no route, which must be answered by an error.
func Validate(id string, r *http.Request, status int, header http.Header, body []byte) error {
	d, err := load()
	if err != nil {
		return err
	}
	if err := d.validate(id, r.Method, status, header, body); err != nil {
		return fmt.Errorf("%s %s (%s) answered %d outside the contract: %w", r.Method, r.URL.EscapedPath(), id, status, err)
	}
	return nil
}

func (d *document) validate(id, method string, status int, header http.Header, body []byte) error {
	if header.Get("X-Request-Id") == "" {
		return errors.New("no X-Request-Id")
	}
	resp, err := d.response(id, status)
	if err != nil {
		return err
	}
	if err := checkHeaders(resp.Headers, header); err != nil {
		return err
	}
	if err := d.checkEntryNotFound(id, header); err != nil {
		return err
	}
	if method == http.MethodHead {
		if len(body) > 0 {
			return fmt.Errorf("an answer to HEAD has a body of %d bytes", len(body))
		}
		return nil
	}
	return checkBody(resp, header.Get("Content-Type"), body)
}

// Statuses that the transport itself may answer, before or instead of an operation.
var (
	unservedStatus = []int{307, 400, 401, 403, 404, 413, 429, 500, 501, 503}
	unroutedStatus = []int{301, 307, 308, 400, 401, 403, 404, 405, 413, 414, 429, 431, 500, 501, 503}
)

// response finds what the contract says about a status of an operation.
func (d *document) response(id string, status int) (*openapi3.Response, error) {
	if id == Unserved || id == "" {
		return d.transportResponse(id, status)
	}
	o := d.ops[id]
	if o == nil {
		return nil, errors.New("the contract has no such operation")
	}
	ref := o.op.Responses.Status(status)
	if ref == nil {
		listed := slices.Sorted(maps.Keys(o.op.Responses.Map()))
		return nil, fmt.Errorf("the status is not listed, only %s", strings.Join(listed, ", "))
	}
	return ref.Value, nil
}

func (d *document) transportResponse(id string, status int) (*openapi3.Response, error) {
	listed := unroutedStatus
	if id == Unserved {
		listed = unservedStatus
	}
	name := "Error"
	switch {
	case !slices.Contains(listed, status):
		return nil, fmt.Errorf("the status is not one of %v", listed)
	case status == http.StatusTooManyRequests:
		name = "RateLimited"
	case status < 400:
		name = "Moved"
	}
	return d.doc.Components.Responses[name].Value, nil
}

// checkEntryNotFound sees to the headers by which clients remember that a commit has no such file.
func (d *document) checkEntryNotFound(id string, header http.Header) error {
	o := d.ops[id]
	if o == nil || header.Get("X-Error-Code") != "EntryNotFound" {
		return nil
	}
	for _, name := range o.commit {
		if header.Get(name) == "" {
			return fmt.Errorf("EntryNotFound without %s", name)
		}
	}
	return nil
}

func checkHeaders(want openapi3.Headers, have http.Header) error {
	for name, ref := range want {
		values := have.Values(name)
		if len(values) == 0 {
			if ref.Value.Required {
				return fmt.Errorf("no header %s", name)
			}
			continue
		}
		for _, v := range values {
			if err := checkHeader(ref.Value.Schema, v); err != nil {
				return fmt.Errorf("header %s is %q: %w", name, v, err)
			}
		}
	}
	return nil
}

func checkHeader(ref *openapi3.SchemaRef, text string) error {
	if ref == nil {
		return nil
	}
	var v any = text
	if ref.Value.Type.Is("integer") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("not an integer")
		}
		v = float64(n)
	}
	return visit(ref.Value, v)
}

func checkBody(resp *openapi3.Response, contentType string, body []byte) error {
	if len(resp.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("%d bytes where no body is promised", len(body))
		}
		return nil
	}
	if mayBeEmpty, _ := resp.Extensions["x-empty"].(bool); mayBeEmpty && len(body) == 0 {
		return nil
	}
	media := resp.Content.Get(contentType)
	if media == nil {
		return fmt.Errorf("content type %q is not one of %s", contentType, strings.Join(slices.Sorted(maps.Keys(resp.Content)), ", "))
	}
	if media.Schema == nil || media.Schema.Value.Format == "binary" {
		return nil
	}
	switch base, _, _ := mime.ParseMediaType(contentType); {
	case base == "application/x-ndjson":
		return checkLines(media.Schema.Value, body)
	case isJSON(base):
		return checkJSON(media.Schema.Value, body)
	}
	return nil
}

// isJSON reports whether answers of a media type are parsed.
func isJSON(base string) bool {
	return base == "application/json" || strings.HasSuffix(base, "+json") || base == "application/x-ndjson"
}

func checkLines(schema *openapi3.Schema, body []byte) error {
	for i, line := range bytes.Split(bytes.TrimSuffix(body, []byte("\n")), []byte("\n")) {
		if err := checkJSON(schema, line); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return nil
}

func checkJSON(schema *openapi3.Schema, body []byte) error {
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	return visit(schema, v)
}

func visit(schema *openapi3.Schema, v any) error {
	if schema.VisitJSON(v, openapi3.VisitAsResponse(), openapi3.FailFast()) == nil {
		return nil
	}
	err := schema.VisitJSON(v, openapi3.VisitAsResponse(), openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails())
	return errors.New(strings.Join(slices.Compact(reasons(err)), "; "))
}

// reasons says where and why in a line each, instead of the library's page of schema and value.
func reasons(err error) []string {
	var many openapi3.MultiError
	if errors.As(err, &many) {
		var out []string
		for _, e := range many {
			out = append(out, reasons(e)...)
		}
		return out
	}
	var one *openapi3.SchemaError
	if !errors.As(err, &one) {
		return []string{err.Error()}
	}
	at := "/" + strings.Join(one.JSONPointer(), "/")
	reason := one.Reason
	if reason == "" {
		reason = "does not fit " + one.SchemaField
	}
	return []string{at + ": " + reason}
}
