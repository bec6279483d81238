package contract

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	oid  = "0a4d55a8d778e5022fab701977c5d840bbc486d0"
	hash = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
	id24 = "65a1b2c3d4e5f60718293a4b"
	date = "2026-01-02T03:04:05Z"
)

// The answers that real clients cannot do without, and near misses that have broken them.
func TestValidate(t *testing.T) {
	jsonType := "Content-Type: application/json; charset=utf-8"
	fileHead := "X-Repo-Commit: " + oid + "\nETag: \"" + oid + "\"\nAccept-Ranges: bytes\nContent-Type: text/plain"
	tests := []struct {
		name, id, method string
		status           int
		header, body     string
		wrong            string // part of the error, empty for none
	}{
		{"whoami", "whoami", "GET", 200, jsonType, whoamiBody, ""},
		{"whoami without avatar", "whoami", "GET", 200, jsonType, strings.Replace(whoamiBody, `"avatarUrl":"",`, "", 1), "avatarUrl"},
		{"date with offset", "whoami", "GET", 200, jsonType, strings.Replace(whoamiBody, date, "2026-01-02T03:04:05+00:00", 1), "createdAt"},
		{"no request id", "whoami", "GET", 200, "X-Request-Id:\n" + jsonType, whoamiBody, "X-Request-Id"},
		{"unlisted status", "whoami", "GET", 418, jsonType, `{"error":"tea"}`, "not listed"},
		{"html instead of json", "whoami", "GET", 200, "Content-Type: text/html", "<p>", "content type"},
		{"error", "whoami", "GET", 401, jsonType + "\nX-Error-Message: no", `{"error":"no"}`, ""},
		{"error with details", "commit", "POST", 422, jsonType + "\nX-Error-Message: no", `{"error":"no","path":"a"}`, ""},
		{"error without message header", "whoami", "GET", 401, jsonType, `{"error":"no"}`, "X-Error-Message"},
		{"error as a string", "whoami", "GET", 401, jsonType + "\nX-Error-Message: no", `"no"`, "object"},
		{"invented error code", "whoami", "GET", 404, jsonType + "\nX-Error-Message: no\nX-Error-Code: Nope", `{"error":"no"}`, "X-Error-Code"},
		{"create", "createRepo", "POST", 200, jsonType, `{"url":"http://h/a/b","name":"a/b","id":"` + id24 + `"}`, ""},
		{"create again", "createRepo", "POST", 409, jsonType + "\nX-Error-Message: there", `{"error":"there","url":"http://h/a/b"}`, ""},
		{"move", "moveRepo", "POST", 200, "", "", ""},
		{"moved", "getRepo", "GET", 307, "Location: /api/models/a/c", "", ""},
		{"moved nowhere", "getRepo", "GET", 307, "", "", "Location"},
		{"info", "getRepo", "GET", 200, jsonType, `{"_id":"` + id24 + `","id":"a/b","sha":"` + oid + `","siblings":[{"rfilename":"x","size":1,"blobId":"` + oid + `"}]}`, ""},
		{"info with an unknown member", "getRepo", "GET", 200, jsonType, `{"_id":"` + id24 + `","id":"a/b","secret":1}`, "secret"},
		{"info without sha being null", "getRepo", "GET", 200, jsonType, `{"_id":"` + id24 + `","id":"a/b","sha":null}`, "sha"},
		{"gated", "getRepo", "GET", 200, jsonType, `{"_id":"` + id24 + `","id":"a/b","gated":"auto"}`, ""},
		{"gated true", "getRepo", "GET", 200, jsonType, `{"_id":"` + id24 + `","id":"a/b","gated":true}`, "gated"},
		{"safetensors without total", "getRepo", "GET", 200, jsonType, `{"_id":"` + id24 + `","id":"a/b","safetensors":{"parameters":{"F32":1}}}`, "total"},
		{"tree", "listTree", "GET", 200, jsonType, `[` + treeFile + `,{"type":"directory","path":"d","oid":"` + oid + `","size":0}]`, ""},
		{"tree without path", "listTree", "GET", 200, jsonType, `[{"type":"file","oid":"` + oid + `","size":1}]`, "path"},
		{"null instead of a list", "listTree", "GET", 200, jsonType, `null`, "null"},
		{"preupload without shouldIgnore", "preupload", "POST", 200, jsonType, `{"files":[{"path":"a","uploadMode":"lfs"}],"commitOid":"` + oid + `"}`, "shouldIgnore"},
		{"commit", "commit", "POST", 200, jsonType, `{"success":true,"commitOid":"` + oid + `","commitUrl":"u","hookOutput":""}`, ""},
		{"commits without count", "listCommits", "GET", 200, jsonType, `[]`, "X-Total-Count"},
		{"commits", "listCommits", "GET", 200, jsonType + "\nX-Total-Count: 1", `[{"id":"` + oid + `","title":"t","message":"","authors":[{"user":"a"}],"date":"` + date + `"}]`, ""},
		{"xet token", "xetReadToken", "GET", 200, jsonType + "\n" + xetHeader, `{"accessToken":"a","exp":1,"casUrl":"http://h"}`, ""},
		{"xet token in the body only", "xetReadToken", "GET", 200, jsonType, `{"accessToken":"a","exp":1,"casUrl":"http://h"}`, "X-Xet-"},
		{"xet expiry as a date", "xetReadToken", "GET", 200, jsonType + "\n" + strings.Replace(xetHeader, ": 1", ": soon", 1), `{"accessToken":"a","exp":1,"casUrl":"http://h"}`, "integer"},
		{"xorb", "xorbUpload", "POST", 200, jsonType, `{"was_inserted":true}`, ""},
		{"xet error in text", "reconstructionV1", "GET", 416, "Content-Type: text/plain; charset=utf-8\nX-Error-Message: past", "past", ""},
		{"shard progress", "shardUploadV2", "POST", 200, "Content-Type: application/x-ndjson", "{\"type\":\"validating\",\"verified\":0,\"total\":1}\n{\"type\":\"result\"}\n", ""},
		{"shard progress unknown", "shardUploadV2", "POST", 200, "Content-Type: application/x-ndjson", "{\"type\":\"result\"}\n{\"type\":\"dunno\"}\n", "line 2"},
		{"reconstruction", "reconstructionV2", "GET", 200, jsonType, `{"offset_into_first_range":0,"terms":[{"hash":"` + hash + `","unpacked_length":1,"range":{"start":0,"end":1}}],"xorbs":{"` + hash + `":[{"url":"u","ranges":[{"chunks":{"start":0,"end":1},"bytes":{"start":0,"end":9}}]}]}}`, ""},
		{"file", "resolveFile", "GET", 200, fileHead, "x", ""},
		{"json file", "resolveFile", "GET", 200, strings.Replace(fileHead, "text/plain", "application/json", 1), "not json", ""},
		{"file without commit", "resolveFile", "GET", 200, "ETag: \"a\"\nAccept-Ranges: bytes\nContent-Type: text/plain", "x", "X-Repo-Commit"},
		{"head", "resolveFile", "HEAD", 200, fileHead, "", ""},
		{"xet facts", "resolveFile", "GET", 200, strings.Replace(fileHead, "text/plain", "application/vnd.xet-fileinfo+json", 1), `{"hash":"` + hash + `"}`, "refreshUrl"},
		{"no such file", "resolveFile", "HEAD", 404, "X-Error-Code: EntryNotFound\nX-Error-Message: no\nX-Repo-Commit: " + oid, "", ""},
		{"no such file at no commit", "resolveFile", "HEAD", 404, "X-Error-Code: EntryNotFound\nX-Error-Message: no", "", "X-Repo-Commit"},
		{"lfs batch", "lfsBatch", "POST", 200, "Content-Type: application/vnd.git-lfs+json", `{"transfer":"xet","objects":[{"oid":"a","size":1,"authenticated":true,"actions":{"upload":{"href":"u","header":{"X-Xet-Cas-Url":"c"}}}}]}`, ""},
		{"lfs error", "lfsBatch", "POST", 404, "Content-Type: application/vnd.git-lfs+json\nX-Error-Message: no", `{"message":"no"}`, ""},
		{"yaml errors", "validateYaml", "POST", 400, jsonType, `{"errors":[{"message":"bad"}],"warnings":[]}`, ""},
		{"yaml malformed", "validateYaml", "POST", 400, jsonType + "\nX-Error-Message: bad", `{"error":"bad"}`, ""},
		{"unserved", Unserved, "GET", 501, jsonType + "\nX-Error-Code: NotImplemented\nX-Error-Message: later", `{"error":"later"}`, ""},
		{"fake success", Unserved, "GET", 200, jsonType, `{}`, "not one of"},
		{"no route", "", "GET", 404, jsonType + "\nX-Error-Message: no", `{"error":"no"}`, ""},
		{"rate limited", "whoami", "GET", 429, jsonType + "\nX-Error-Message: slow\nRetry-After: 5\nRateLimit: \"api\";r=0;t=5\nRateLimit-Policy: p", `{"error":"slow"}`, ""},
		{"rate limited for ever", "whoami", "GET", 429, jsonType + "\nX-Error-Message: slow\nRateLimit: x\nRateLimit-Policy: p", `{"error":"slow"}`, "Retry-After"},
		{"unknown operation", "nobody", "GET", 200, "", "", "no such operation"},
	}
	for _, tt := range tests {
		err := Validate(tt.id, httptest.NewRequest(tt.method, "/x", nil), tt.status, headers(tt.header), []byte(tt.body))
		switch {
		case tt.wrong == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%s: %v, want an error about %q", tt.name, err, tt.wrong)
		}
	}
}

const whoamiBody = `{"type":"user","id":"` + id24 + `","name":"a","fullname":"A","email":null,"emailVerified":false,"canPay":false,` +
	`"billingMode":"prepaid","isPro":false,"periodEnd":null,"avatarUrl":"","orgs":[],"auth":{"type":"access_token",` +
	`"accessToken":{"displayName":"t","role":"write","createdAt":"` + date + `"}},"site":{"name":"Cairn","api":"cairn","version":"1"}}`

const treeFile = `{"type":"file","path":"m.bin","oid":"` + oid + `","size":9,"lfs":{"oid":"` + hash + `","size":9,"pointerSize":130},` +
	`"xetHash":"` + hash + `","lastCommit":{"id":"` + oid + `","title":"t","date":"` + date + `"}}`

const xetHeader = "X-Xet-Access-Token: a\nX-Xet-Cas-Url: http://h\nX-Xet-Token-Expiration: 1"

func headers(lines string) http.Header {
	h := http.Header{"X-Request-Id": {"r"}}
	for line := range strings.SplitSeq(lines, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.Del(name)
			if v := strings.TrimSpace(value); v != "" {
				h.Set(name, v)
			}
		}
	}
	return h
}

func TestRecorder(t *testing.T) {
	serve := func(id, method string, h http.HandlerFunc) (*httptest.ResponseRecorder, error) {
		r, out := httptest.NewRequest(method, "/x", nil), httptest.NewRecorder()
		rec := Record(out)
		rec.Header().Set("X-Request-Id", "r")
		h(rec, r)
		return out, rec.Validate(id, r)
	}
	out, err := serve("xorbUpload", "POST", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"was_inserted":`)
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, `true}`)
	})
	if err != nil || out.Body.String() != `{"was_inserted":true}` || !out.Flushed {
		t.Errorf("%v, %q, flushed %v", err, out.Body, out.Flushed)
	}
	if _, err := serve("xorbUpload", "POST", func(w http.ResponseWriter, _ *http.Request) {}); err == nil {
		t.Error("an empty answer where JSON is promised is accepted")
	}
	if _, err := serve("telemetry", "HEAD", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }); err != nil {
		t.Error(err)
	}
	if _, err := serve("resolveFile", "GET", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(make([]byte, 1<<20))
	}); err == nil || !strings.Contains(err.Error(), "no header") {
		t.Errorf("a file without its headers: %v", err)
	}
}

func BenchmarkValidateTree(b *testing.B) {
	body := []byte("[" + strings.Repeat(treeFile+",", 999) + treeFile + "]")
	r, h := httptest.NewRequest("GET", "/x", nil), headers("Content-Type: application/json")
	for b.Loop() {
		if err := Validate("listTree", r, 200, h, body); err != nil {
			b.Fatal(err)
		}
	}
}
