package lfsapi_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cairnhub/cairn/internal/httpd/lfsapi"
	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/lfs"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// boundHouse is alice with a repository that a credential of hers is for, and private ones that it is not for.
type boundHouse struct {
	*house
	bound string // the credential, for uploads to alice/work
	seed  uint64 // of what was last sent elsewhere
}

func furnishBound(d *Door) *boundHouse {
	d.T.Helper()
	h := &boundHouse{house: furnish(d)}
	work := d.Repo(h.alice.ID, "alice", "work", hub.Private)
	credentials, err := lfsapi.OpenCredentials(d.T.Context(), d.Accounts.Secret, time.Now)
	if err != nil {
		d.T.Fatal(err)
	}
	actor := hub.Actor{UserID: h.alice.ID}
	if err := d.DB.Get(d.T.Context(), &actor.TokenID, "SELECT id FROM token WHERE user_id = ? AND role = 'write'", h.alice.ID); err != nil {
		d.T.Fatal(err)
	}
	header, _ := credentials.Mint(actor, work, lfs.Upload)
	h.bound = strings.TrimPrefix(header, "Bearer ")
	return h
}

// elsewhere runs a test with what alice's other repositories have: sent by herself or, as far as anybody knows, by
// others; and once more when she is a site's administrator, who knows all.
func (h *boundHouse) elsewhere(test func(name string, data []byte)) {
	h.T.Helper()
	for _, who := range []string{"a user", "an administrator"} {
		h.Exec("UPDATE users SET site_admin = ? WHERE id = ?", who == "an administrator", h.alice.ID)
		h.Later(time.Second) // a pass is kept for less
		for _, sender := range []string{"herself", "others"} {
			h.seed++
			data := xetstoretest.Mixed(2000+h.seed, 3<<20)
			h.put("alice/secret", h.alice.Token, data)
			if sender == "others" {
				h.Exec("DELETE FROM xet_xorb_upload WHERE user_id = ?", h.alice.ID)
			}
			test(who+", sent by "+sender, data)
		}
	}
}

func (h *boundHouse) xetToken(credential string) string {
	h.T.Helper()
	b := h.batch("alice/work", credential, "upload", `"xet"`, pointer([]byte("to come")))
	return b.Objects[0].Actions["upload"].Header["X-Xet-Access-Token"]
}

// A credential for one repository became a Xet token that knew what all of its user's repositories have.
func TestBoundCredentialGivesNoTokenForOtherRepositories(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnishBound(d)
		unknown := xetstoretest.Mixed(99, 3<<20)
		h.elsewhere(func(name string, data []byte) {
			free, bound := h.xetToken(h.alice.Token), h.xetToken(h.bound)
			same := func(what string, ask func(token string, u *xetstoretest.Upload, data []byte) Answer) {
				t.Helper()
				known, none := (&xetstoretest.Client{}).Pack(t, data), (&xetstoretest.Client{}).Pack(t, unknown)
				a, b := ask(bound, known, data), ask(bound, none, unknown)
				if a.StatusCode < 400 || a.StatusCode != b.StatusCode || a.Text() != b.Text() {
					t.Errorf("%s, %s: %d %q for what is elsewhere, %d %q for the unknown", name, what, a.StatusCode, a.Text(), b.StatusCode, b.Text())
				}
				ask(free, known, data).Want(t, 200) // her own token knows it
				if a := ask(bound, known, data); what != "shard" && a.StatusCode != b.StatusCode {
					t.Errorf("%s, %s: %d right after her own token", name, what, a.StatusCode)
				}
			}
			same("chunk", func(token string, _ *xetstoretest.Upload, data []byte) Answer {
				return d.Do("GET", "/v1/chunks/default/"+xetstoretest.Chunks(t, data)[0].String(), token, nil)
			})
			same("xorb", func(token string, u *xetstoretest.Upload, _ []byte) Answer {
				return d.Do("HEAD", "/v1/xorbs/default/"+u.Xorbs[0].Hash.String(), token, nil)
			})
			same("shard", func(token string, u *xetstoretest.Upload, _ []byte) Answer {
				return d.Do("POST", "/v1/shards", token, u.Bytes())
			})
		})
	})
}

// What a bound token sends it knows, and so does the next token of the same user; it reads no files.
func TestBoundTokenUploads(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnishBound(d)
		bound := h.xetToken(h.bound)
		data := xetstoretest.Mixed(81, 3<<20)
		h.put("alice/secret", h.alice.Token, data)
		u := (&xetstoretest.Client{}).Pack(t, data)
		x := u.Xorbs[0]
		if a := d.Do("POST", "/v1/xorbs/default/"+x.Hash.String(), bound, x.Body).Want(t, 200); a.Text() != `{"was_inserted":true}` {
			t.Errorf("a xorb that is elsewhere: %s", a.Text())
		}
		d.Upload(bound, u)
		file := u.Shard.Files[0].Hash.String()
		free := h.xetToken(h.alice.Token)
		for _, path := range []string{"/v1/reconstructions/", "/v2/reconstructions/"} {
			d.Do("GET", path+file, free, nil).Want(t, 200)
			d.Do("GET", path+file, bound, nil).Want(t, 403)
		}
		d.Do("HEAD", "/v1/files/"+file, bound, nil).Want(t, 403)
		d.Do("GET", "/v1/chunks/default/"+xetstoretest.Chunks(t, data)[0].String(), bound, nil).Want(t, 200)

		other := (&xetstoretest.Client{}).Pack(t, xetstoretest.Mixed(83, 1<<20))
		d.Xorbs(bound, other)
		d.Do("POST", "/v1/shards", free, other.Bytes()).Want(t, 200)
	})
}

// The addresses of a batch answer lost the bounds of the credential: what was sent to them was put together from what
// the user's other repositories have.
func TestBoundCredentialGivesNoAddressForOtherRepositories(t *testing.T) {
	Each(t, func(t *testing.T, d *Door) {
		h := furnishBound(d)
		basic := func(credential string, data []byte) {
			t.Helper()
			href := h.batch("alice/work", credential, "upload", `"basic"`, pointer(data)).Objects[0].Actions["upload"].Href
			d.Do("PUT", href, "", data).Want(t, 200)
		}
		inParts := func(credential string, data []byte) {
			t.Helper()
			p := planOf(t, h.batch("alice/work", credential, "upload", `"multipart"`, pointer(data)).Objects[0])
			var sent []sentPart
			for i := range p.parts {
				sent = append(sent, h.sendPart(p, i, data))
			}
			h.finish(p, pointer(data).OID, sent...).Want(t, 200)
		}
		for name, send := range map[string]func(string, []byte){"basic": basic, "in parts": inParts} {
			h.elsewhere(func(who string, stored []byte) {
				data := append(bytes.Clone(stored), name+who...)
				send(h.bound, data)
				if n := h.sharedWithWork(); n != 0 {
					t.Errorf("%s, %s: made of %d xorbs of other repositories", who, name, n)
				}
				h.clearWork()
				d.Exec("DELETE FROM xet_chunk WHERE xorb NOT IN (SELECT xorb FROM xet_repo_xorb)") // nobody finds what was just sent
				send(h.alice.Token, data)
				if h.sharedWithWork() == 0 {
					t.Errorf("%s, %s: her own token shares nothing, so this shows nothing", who, name)
				}
				h.clearWork()
			})
		}
	})
}

func (h *boundHouse) clearWork() {
	h.T.Helper()
	for _, table := range []string{"xet_repo_file", "xet_repo_xorb"} {
		h.Exec("DELETE FROM "+table+" WHERE repo_id = ?", findRepo(h.T, h.Door, "work"))
	}
}

func (h *boundHouse) sharedWithWork() (n int) {
	h.T.Helper()
	err := h.DB.Get(h.T.Context(), &n, `SELECT COUNT(*) FROM xet_repo_xorb a JOIN xet_repo_xorb b ON b.xorb = a.xorb AND b.repo_id <> a.repo_id
		JOIN repo r ON r.id = a.repo_id WHERE r.name = 'work'`)
	if err != nil {
		h.T.Fatal(err)
	}
	return n
}

// The flag of an address is signed: without it, or with another, the address is not ours.
func TestBoundAddressKeepsItsBounds(t *testing.T) {
	h := furnishBound(Sqlite(t))
	data := xetstoretest.Mixed(84, PartSize+1)
	one := h.batch("alice/work", h.bound, "upload", `"basic"`, pointer(data)).Objects[0].Actions["upload"].Href
	p := planOf(t, h.batch("alice/work", h.bound, "upload", `"multipart"`, pointer(data)).Objects[0])
	free := h.batch("alice/work", h.alice.Token, "upload", `"basic"`, pointer(data)).Objects[0].Actions["upload"].Href
	change := func(href, bound string) string {
		u, err := url.Parse(href)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Del("bound"); bound != "" {
			q.Set("bound", bound)
		}
		u.RawQuery = q.Encode()
		return u.String()
	}
	for _, bound := range []string{"", "0", "2"} {
		h.Do("PUT", change(one, bound), "", data).Want(t, 403)
		h.Do("PUT", change(p.parts[0], bound), "", data[:PartSize]).Want(t, 403)
		h.Do("POST", change(p.complete, bound), "", []byte("{}")).Want(t, 403)
	}
	h.Do("PUT", change(free, "1"), "", data).Want(t, 403)
	h.Do("PUT", one, "", data).Want(t, 200)
}
