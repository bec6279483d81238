package secrets

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/blob/blobtest"
	"github.com/cairnhub/cairn/internal/blob/s3"
	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/mail"
	"github.com/cairnhub/cairn/internal/mail/mailtest"
	"github.com/cairnhub/cairn/internal/testhub"
)

// TestS14NoSecretIsKept: two hundred secrets of every kind are used rightly and wrongly on a hub that logs all it can, and
// none is in its database, its store, its folders, its log, its metrics or an answer that is not there to tell it.
func TestS14NoSecretIsKept(t *testing.T) {
	for name, scaled := range map[string]bool{"sqlite+folder": false, "postgres+s3": true} {
		t.Run(name, func(t *testing.T) {
			temp, data := t.TempDir(), t.TempDir()
			t.Setenv("TMPDIR", temp)
			log := &logged{}
			was := slog.Default()
			slog.SetDefault(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			t.Cleanup(func() { slog.SetDefault(was) })

			v := &vault{kinds: map[string]string{}}
			post := mailtest.New(t, mailtest.Options{Login: true})
			v.plant(t, "SMTP password", mailtest.Password)
			var url string
			var store s3.Options
			if scaled {
				url, store = dbtest.URL(t, db.Postgres), blobtest.S3(t)
				v.plant(t, "S3 secret key", store.SecretKey)
			}
			h := testhub.NewLogged(t, log, func(c *config.Config) {
				c.Data, c.CacheDir = data, filepath.Join(data, "cache")
				c.DatabaseURL, c.BlobURL = "sqlite:"+filepath.Join(data, "cairn.db"), "file:"+filepath.Join(data, "blobs")
				c.SMTPURL, c.MailFrom = post.URL(), "hub@example.org"
				if scaled {
					c.DatabaseURL = url
					c.BlobURL = fmt.Sprintf("s3://%s/%s?endpoint=%s&region=%s", store.Bucket, store.Prefix, store.Endpoint, store.Region)
					c.S3AccessKey, c.S3SecretKey = store.AccessKey, store.SecretKey
				}
			})
			l := newLife(t, h, v, post)
			l.live()
			n, kinds := v.count()
			if n < 200 {
				t.Errorf("only %d secrets", n)
			}

			v.report(t, "the log", log.bytes())
			v.report(t, "the metrics", h.Do(h.Admin, http.MethodGet, "/metrics", nil).Body)
			files := v.searchFiles(t, "the data folder's", data) + v.searchFiles(t, "the temporary folder's", temp)
			if scaled {
				v.report(t, "a dump of the database", dump(t, url))
				files += l.searchStore(store)
			}
			t.Logf("S14: %d secrets (%v); %d answers, %d files and %d bytes of log searched", n, kinds, l.n, files, len(log.bytes()))
		})
	}
}

// dump is what a backup of PostgreSQL holds.
func dump(t *testing.T, url string) []byte {
	t.Helper()
	bin := "pg_dump"
	if found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump"); err == nil && len(found) > 0 {
		bin = found[len(found)-1]
	}
	out, err := exec.Command(bin, "--inserts", url).Output()
	if err != nil || !strings.Contains(string(out), "INSERT INTO public.users") {
		t.Fatalf("%s: %v, %d bytes", bin, err, len(out))
	}
	return out
}

// searchStore reads every object of an S3 store.
func (l *life) searchStore(o s3.Options) (objects int) {
	s, err := s3.New(l.Context(), o)
	if err != nil {
		l.Fatal(err)
	}
	list, err := s.List(l.Context(), "", "", 0)
	if err != nil || len(list) == 0 || len(list) >= 1000 {
		l.Fatal(len(list), err)
	}
	for _, info := range list {
		r, err := s.Open(l.Context(), info.Key, 0, -1)
		if err != nil {
			l.Fatal(err)
		}
		b, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			l.Fatal(err)
		}
		l.v.report(l.T, "the store's "+info.Key, b)
	}
	return len(list)
}

// life is what happens on the hub.
type life struct {
	*asker
	post   *mailtest.Server
	people []person
}

type person struct {
	testhub.Caller
	id, password string
}

func newLife(t *testing.T, h *testhub.Hub, v *vault, post *mailtest.Server) *life {
	v.plant(t, "administrator's token", h.Admin.Token)
	return &life{asker: &asker{T: t, h: h, v: v}, post: post}
}

// random is a secret that somebody thinks of.
func random() string { return "p-" + hub.NewID() + hub.NewID()[:8] }

func (l *life) live() {
	l.arrive()
	l.signIn()
	l.carryWrongly()
	l.spoilBodies()
	l.move()
	l.byDevice()
	l.letters()
	l.rotate()
	l.byMail()
}

// byMail sends what only the receiver may know: it waits in the database until the server takes it.
func (l *life) byMail() {
	before := len(l.post.Mails())
	for i := range 10 {
		code := l.v.plant(l.T, "code in an e-mail", random())
		err := l.h.App.Mail().Enqueue(l.Context(), l.h.App.DB(), mail.Message{To: fmt.Sprintf("person-%d@example.com", i), Subject: "Your link", Text: "http://hub.example.org/reset?code=" + code})
		if err != nil {
			l.Fatal(err)
		}
	}
	l.post.Wait(before + 10)
}

// arrive makes people with passwords and tokens, some of which end.
func (l *life) arrive() {
	for i := range 24 {
		p := person{password: l.v.plant(l.T, "password", random())}
		p.Name = fmt.Sprintf("person-%d", i)
		u, err := l.h.App.Accounts().Create(l.Context(), account.NewUser{Name: p.Name, Email: p.Name + "@example.com", Password: p.password})
		if err != nil {
			l.Fatal(err)
		}
		p.id = u.ID
		for _, role := range []hub.TokenRole{hub.TokenRead, hub.TokenWrite, hub.TokenRead, hub.TokenWrite} {
			p.Token = l.v.plant(l.T, "token", l.h.Token(u.ID, role))
		}
		l.people = append(l.people, p)
	}
	for _, p := range l.people[20:23] {
		if err := l.h.App.Accounts().SetPassword(l.Context(), p.id, l.v.plant(l.T, "new password", random())); err != nil {
			l.Fatal(err)
		}
		tokens, err := l.h.App.Accounts().Tokens(l.Context(), p.id)
		if err == nil {
			err = l.h.App.Accounts().RevokeToken(l.Context(), p.id, tokens[0].ID)
		}
		if err != nil {
			l.Fatal(err)
		}
		l.ask(p.Caller, http.MethodGet, "/api/whoami-v2", nil) // one of them is revoked
	}
}

func form(pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

const formType = "application/x-www-form-urlencoded"

// signIn opens sessions, and fails to.
func (l *life) signIn() {
	for i, p := range l.people[:8] {
		got := l.gives(testhub.Caller{}, http.MethodPost, "/login", form("username", p.Name, "password", p.password, "next", "/"), "Content-Type", formType)
		name, rest, _ := strings.Cut(got.Header.Get("Set-Cookie"), "=")
		value, _, _ := strings.Cut(rest, ";")
		cookie := name + "=" + l.v.plant(l.T, "session", value)
		l.ask(testhub.Caller{}, http.MethodGet, "/", nil, "Cookie", cookie)
		l.ask(testhub.Caller{}, http.MethodGet, "/"+p.Name, nil, "Cookie", cookie)
		if i%2 == 0 {
			l.ask(testhub.Caller{}, http.MethodPost, "/logout", "", "Cookie", cookie, "Content-Type", formType)
			l.ask(testhub.Caller{}, http.MethodGet, "/", nil, "Cookie", cookie)
		}
		l.ask(testhub.Caller{}, http.MethodPost, "/login", form("username", p.Name, "password", l.v.plant(l.T, "wrong password", random())), "Content-Type", formType)
	}
	for range 4 { // the password in the field of the name, as happens
		l.ask(testhub.Caller{}, http.MethodPost, "/login", form("username", "", "password", l.v.plant(l.T, "password without a name", random())), "Content-Type", formType)
		l.ask(testhub.Caller{}, http.MethodPost, "/login", `{"username":"x","password":"`+l.v.plant(l.T, "password in JSON", random())+`"}`, "Content-Type", "application/json")
	}
}

// carryWrongly sends tokens by every carrier, right and wrong.
func (l *life) carryWrongly() {
	for i, p := range l.people[:20] {
		nobody := testhub.Caller{}
		strange := l.v.plant(l.T, "token that nobody has", "hf_"+strings.ReplaceAll(random(), "-", "")+"AAAA")
		for _, token := range []string{p.Token, strange} {
			basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:"+token))
			first := "Basic " + base64.StdEncoding.EncodeToString([]byte(token+":"))
			for _, header := range [][]string{
				{"Authorization", "Bearer " + token}, {"Authorization", "bearer  " + token}, {"Authorization", "Token " + token}, {"Authorization", token},
				{"Authorization", basic}, {"Authorization", first}, {"Authorization", "Basic " + token}, {"Cookie", "cairn_session=" + token}, {"Cookie", "token=" + token},
				{"X-Api-Key", token}, {"Proxy-Authorization", "Bearer " + token},
			} {
				l.ask(nobody, http.MethodGet, []string{"/api/whoami-v2", "/api/models/nobody/none", "/nobody/none/resolve/main/x"}[i%3], nil, header...)
			}
			l.ask(nobody, http.MethodGet, "/api/whoami-v2?access_token="+token, nil)
			l.ask(nobody, http.MethodGet, "/api/models?search=x&token="+token, nil)
			l.ask(nobody, http.MethodGet, "/nobody/none/resolve/main/x?sig="+token, nil, "User-Agent", "curl/8 "+token, "Referer", l.h.URL+"/?t="+token)
			for _, path := range []string{"/api/models/nobody/", "/nobody/none/resolve/main/", "/", "/api/users/"} { // pasted into the address
				l.ask(nobody, http.MethodGet, path+token, nil)
			}
			l.ask(p.Caller, http.MethodPost, "/api/models/nobody/"+token+"/commit/main", nil)
			l.ask(nobody, http.MethodGet, "/nobody/none.git/info/refs?service=git-upload-pack", nil, "Authorization", first)
			l.ask(nobody, http.MethodPost, "/nobody/none.git/info/lfs/objects/batch", `{"operation":"download","objects":[]}`, "Authorization", basic, "Content-Type", "application/vnd.git-lfs+json")
		}
	}
}

// spoilBodies puts secrets into requests that cannot be read.
func (l *life) spoilBodies() {
	p := l.people[0]
	for i := range 20 {
		secret := l.v.plant(l.T, "secret in a broken body", random())
		for _, body := range []string{`{"password":"` + secret + `"`, `{"token":"` + secret + `","x":}`, `["` + secret + `"]`, secret, `{"name":{"` + secret + `":1}}`, "token=" + secret + "&%zz"} {
			path := []string{"/api/repos/create", "/login", "/oauth/token", "/oauth/device", "/api/user/keys", "/api/models/person-0/none/settings"}[i%6]
			method := http.MethodPost
			if strings.HasSuffix(path, "/settings") {
				method = http.MethodPut
			}
			for _, kind := range []string{"application/json", formType, "text/plain", "multipart/form-data; boundary=x"} {
				l.ask(p.Caller, method, path, body, "Content-Type", kind)
			}
		}
	}
}

// move uploads and downloads by credentials that the hub makes.
func (l *life) move() {
	for _, p := range l.people[:8] {
		id := p.Name + "/m"
		l.h.CreateRepo(p.Caller, hub.Model, id, true)
		l.h.Commit(p.Caller, hub.Model, id, "main", map[string]string{"a.txt": "text"})
		for _, kind := range []string{"read", "write"} {
			var x struct{ AccessToken string }
			a := l.gives(p.Caller, http.MethodGet, "/api/models/"+id+"/xet-"+kind+"-token/main", nil)
			if json.Unmarshal(a.Body, &x) != nil {
				l.Fatal(string(a.Body))
			}
			l.v.plant(l.T, "Xet token", x.AccessToken)
			l.ask(testhub.Caller{Token: x.AccessToken}, http.MethodGet, "/v1/reconstructions/"+strings.Repeat("0", 64), nil)
			l.ask(testhub.Caller{Token: x.AccessToken}, http.MethodPost, "/v1/shards", "no shard")
			l.ask(testhub.Caller{Token: x.AccessToken[:len(x.AccessToken)-2]}, http.MethodGet, "/v1/reconstructions/"+strings.Repeat("0", 64), nil)
		}
		sha := l.h.Upload(p.Caller, hub.Model, id, strings.Repeat("large "+p.Name, 40_000))
		a := l.gives(p.Caller, http.MethodPost, "/"+id+".git/info/lfs/objects/batch", fmt.Sprintf(`{"operation":"download","transfers":["basic"],"objects":[{"oid":%q,"size":%d}]}`, sha, 40_000*len("large "+p.Name)),
			"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json")
		for _, part := range strings.FieldsFunc(string(a.Body), func(r rune) bool { return strings.ContainsRune(`"?&= \`, r) }) {
			if len(part) >= 40 && part != sha && !strings.Contains(part, "/") && !strings.Contains(part, "u0026") {
				l.v.plant(l.T, "signature of an address", part)
			}
		}
		var batch struct {
			Objects []struct {
				Actions map[string]struct {
					Href   string
					Header map[string]string
				}
			}
		}
		if err := json.Unmarshal(a.Body, &batch); err != nil || len(batch.Objects) == 0 {
			l.Fatalf("%v in %s", err, a.Body)
		}
		for _, action := range batch.Objects[0].Actions {
			u, err := url.Parse(action.Href)
			if err != nil {
				l.Fatal(err)
			}
			var head []string
			for k, v := range action.Header {
				head = append(head, k, v)
			}
			l.ask(testhub.Caller{}, http.MethodGet, u.RequestURI(), nil, head...)
			l.ask(testhub.Caller{}, http.MethodGet, u.RequestURI()+"x", nil, head...)
			l.ask(testhub.Caller{}, http.MethodPut, u.RequestURI(), "x", head...)
		}
	}
	p := l.people[0]
	l.ask(p.Caller, http.MethodGet, "/person-1/m/resolve/main/a.txt", nil)
	l.ask(p.Caller, http.MethodDelete, "/api/repos/delete", map[string]any{"name": "m", "organization": p.Name, "type": "model"})
}

const loginClient = "26be6b09-91c5-47da-9861-d2d2bb7a7e36"

// byDevice signs programs in by codes that people type.
func (l *life) byDevice() {
	for range 6 {
		var code struct {
			Device string `json:"device_code"`
			User   string `json:"user_code"`
		}
		a := l.gives(testhub.Caller{}, http.MethodPost, "/oauth/device", form("client_id", loginClient, "scope", "openid profile read-repos write-repos"), "Content-Type", formType)
		if err := json.Unmarshal(a.Body, &code); err != nil {
			l.Fatal(err)
		}
		l.v.plant(l.T, "device code", code.Device)
		l.v.plant(l.T, "code that a user types", code.User)
		poll := func() testhub.Answer {
			return l.h.Do(testhub.Caller{}, http.MethodPost, "/oauth/token", form("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", loginClient, "device_code", code.Device), "Content-Type", formType)
		}
		poll()
		l.ask(testhub.Caller{}, http.MethodPost, "/oauth/token", form("grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", "another", "device_code", code.Device), "Content-Type", formType)
		l.ask(testhub.Caller{}, http.MethodPost, "/oauth/token", form("grant_type", "refresh_token", "client_id", loginClient, "refresh_token", l.v.plant(l.T, "wrong refresh token", random())), "Content-Type", formType)
	}
}
