package gitclient

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

func pointerText(oid string, size int) string {
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, size)
}

// theft is somebody who knows all about another's file but its bytes.
type theft struct {
	*doors
	alice, eve   testhub.Caller
	secret, odd  []byte // the file, and bytes of the same length that nobody has
	sha, xetHash string
	size         int64
	unsent       string // the hash of odd
	chunks       *xetstoretest.Upload
}

func newTheft(d *doors) *theft {
	d.t.Helper()
	k := &theft{doors: d, alice: d.User("alice"), eve: d.User("eve")}
	d.CreateRepo(k.alice, hub.Model, "alice/secret", true)
	d.CreateRepo(k.eve, hub.Model, "eve/den", true)
	k.secret, k.odd = xetstoretest.Mixed(80, 2*partSize), xetstoretest.Mixed(81, 2*partSize)
	k.sha, k.size, k.unsent = shaOf(k.secret), int64(len(k.secret)), shaOf(k.odd)
	d.uploadXet(k.alice, "alice/secret", k.secret)
	d.commitLarge(k.alice, "alice/secret", "weights.bin", k.secret)
	k.xetHash = d.Do(k.alice, http.MethodHead, "/alice/secret/resolve/main/weights.bin", nil).Header.Get("X-Xet-Hash")
	k.chunks = (&xetstoretest.Client{}).Pack(d.t, k.secret)
	return k
}

// refused fails the test unless an answer is a refusal that carries nothing.
func (k *theft) refused(route string, a testhub.Answer) {
	k.t.Helper()
	if a.Status < 400 || a.Status >= 500 {
		k.t.Errorf("%s: status %d: %.200s", route, a.Status, a.Body)
	}
	k.nothing(route, a.Body)
}

// nothing fails the test when an answer holds bytes of the file.
func (k *theft) nothing(route string, body []byte) {
	k.t.Helper()
	for off := 0; off+32 <= len(k.secret); off += 64 << 10 {
		if bytes.Contains(body, k.secret[off:off+32]) {
			k.t.Errorf("%s: the answer holds bytes of the file", route)
			return
		}
	}
}

// S8: who knows the SHA-256, the size and the Xet hash of a file in a repository that they may not see gets none of its bytes
// by any route, and is asked for it as if nobody had it.
func TestLFSObjectsOfOthersAreNotStolen(t *testing.T) {
	eachInParts(t, func(t *testing.T, d *doors) {
		k := newTheft(d)
		routes := []func(*theft){
			(*theft).batch, (*theft).otherBytes, (*theft).parts, (*theft).verify, (*theft).signedAddress, (*theft).lfsFile, (*theft).copyFile,
			(*theft).pointerByCommit, (*theft).pointerByPush, (*theft).shard, (*theft).reconstruction, (*theft).fork, (*theft).duplicateFiles,
		}
		for _, route := range routes {
			route(k)
		}
		// Whatever was tried, the thief's repository does not have it.
		_, _, o := d.ask(k.eve, "eve/den", "download", "basic", k.sha, k.size)
		if o.Error == nil || o.Actions != nil {
			t.Errorf("the thief's repository has the object: %+v", o)
		}
		tree := d.Do(k.eve, "GET", "/api/models/eve/den/tree/main?recursive=true", nil)
		if bytes.Contains(tree.Body, []byte(k.sha)) || bytes.Contains(tree.Body, []byte(k.xetHash)) {
			t.Errorf("the thief's repository lists the file: %s", tree.Body)
		}
		d.comesBack("after all attempts", k.alice, "alice/secret", "weights.bin", k.secret)
	})
}

// batch is asked the same for what another has and for what nobody has.
func (k *theft) batch() {
	for _, operation := range []string{"upload", "download"} {
		for _, transfers := range []string{"basic", "multipart", "basic multipart xet"} {
			s1, t1, known := k.ask(k.eve, "eve/den", operation, transfers, k.sha, k.size)
			s2, t2, unknown := k.ask(k.eve, "eve/den", operation, transfers, k.unsent, k.size)
			if s1 != s2 || t1 != t2 || shape(known) != shape(unknown) {
				k.t.Errorf("batch %s by %s: %s, and of what nobody has %s", operation, transfers, shape(known), shape(unknown))
			}
			if operation == "upload" && known.Actions["upload"].Href == "" {
				k.t.Errorf("batch by %s: not asked to upload", transfers)
			}
		}
		for _, repo := range []string{"alice/secret", "alice/absent"} {
			if status, _, o := k.ask(k.eve, repo, operation, "basic", k.sha, k.size); status != 404 || o.Actions != nil {
				k.t.Errorf("batch %s in %s: %d", operation, repo, status)
			}
		}
	}
}

// shape is what an answer says without the names and signatures in it.
func shape(o lfsObject) string {
	var s []string
	for name, a := range o.Actions {
		s = append(s, fmt.Sprint(name, len(a.Header), a.Href != ""))
	}
	slices.Sort(s)
	if o.Error != nil {
		s = append(s, fmt.Sprint(*o.Error))
	}
	return strings.Join(s, " ")
}

func (k *theft) otherBytes() {
	_, _, o := k.ask(k.eve, "eve/den", "upload", "basic", k.sha, k.size)
	k.refused("PUT of other bytes", k.put(o.Actions["upload"].Href, k.odd))
	k.refused("PUT of no bytes", k.put(o.Actions["upload"].Href, nil))
}

func (k *theft) parts() {
	_, _, o := k.ask(k.eve, "eve/den", "upload", "multipart", k.sha, k.size)
	up := o.Actions["upload"]
	k.refused("completion without parts", k.complete(up, k.sha, nil))
	k.refused("completion with other bytes", k.complete(up, k.sha, k.putParts(up, partSize, k.odd)))
}

func (k *theft) verify() {
	for _, repo := range []string{"eve/den", "alice/secret"} {
		known := k.Do(k.eve, "POST", "/"+repo+".git/info/lfs/objects/verify", dict{"oid": k.sha, "size": k.size})
		unknown := k.Do(k.eve, "POST", "/"+repo+".git/info/lfs/objects/verify", dict{"oid": k.unsent, "size": k.size})
		if known.Status != 404 || unknown.Status != 404 || known.Header.Get("X-Error-Message") != unknown.Header.Get("X-Error-Message") {
			k.t.Errorf("verify in %s: %d %s and %d %s", repo, known.Status, known.Body, unknown.Status, unknown.Body)
		}
	}
}

// signedAddress takes an address of the thief's own for the other's object.
func (k *theft) signedAddress() {
	k.uploadBasic(k.eve, "eve/den", []byte("mine"))
	_, _, o := k.ask(k.eve, "eve/den", "download", "basic", shaOf([]byte("mine")), 4)
	href := k.at(o.Actions["download"].Href)
	k.refused("another object's address", k.Do(k.eve, "GET", strings.Replace(href, shaOf([]byte("mine")), k.sha, 1), nil))
	u, _ := url.Parse(href)
	q := u.Query()
	q.Set("size", fmt.Sprint(k.size))
	u.RawQuery = q.Encode()
	k.refused("an address with another size", k.Do(k.eve, "GET", u.String(), nil))
}

func (k *theft) lfsFile() {
	k.refused("lfsFile", k.commit(k.eve, "eve/den", "lfsFile", dict{"path": "stolen.bin", "algo": "sha256", "oid": k.sha, "size": k.size}))
	k.refused("lfsFile without a size", k.commit(k.eve, "eve/den", "lfsFile", dict{"path": "stolen.bin", "algo": "sha256", "oid": k.sha}))
}

func (k *theft) copyFile() {
	for _, value := range []dict{
		{"path": "stolen.bin", "srcPath": "weights.bin"},
		{"path": "stolen.bin", "srcPath": "weights.bin", "srcRepo": "alice/secret", "srcRepoType": "model"},
		{"path": "stolen.bin", "srcPath": "weights.bin", "srcRevision": k.headOf("alice/secret")},
	} {
		k.refused("copyFile", k.commit(k.eve, "eve/den", "copyFile", value))
	}
}

func (k *theft) headOf(repo string) string {
	return k.Do(k.alice, http.MethodHead, "/"+repo+"/resolve/main/weights.bin", nil).Header.Get("X-Repo-Commit")
}

// pointerByCommit commits the text of a pointer as if it were a small file.
func (k *theft) pointerByCommit() {
	for _, tail := range []string{"", "x-note 1\n"} {
		text := base64.StdEncoding.EncodeToString([]byte(pointerText(k.sha, len(k.secret)) + tail))
		k.refused("a committed pointer", k.commit(k.eve, "eve/den", "file", dict{"path": "stolen.txt", "content": text, "encoding": "base64"}))
	}
}

func (k *theft) pointerByPush() {
	u := as(k.t, k.Hub, k.eve)
	dir := u.clone("eve/den")
	u.write(dir, "stolen.bin", pointerText(k.sha, len(k.secret)))
	u.git(dir, "-c", "filter.lfs.required=false", "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.process=", "add", "stolen.bin")
	u.git(dir, "commit", "-q", "-m", "a pointer")
	u.refused(dir, []string{"-c", "core.hooksPath=/dev/null", "push", "origin", "HEAD:main"}, "has not been uploaded")
	u.refused(dir, []string{"-c", "core.hooksPath=/dev/null", "push", "origin", "HEAD:refs/heads/other"}, "has not been uploaded")
}

// shard claims the file by Xet: by its hash for other bytes, and by its xorbs, which the thief never sent.
func (k *theft) shard() {
	token := k.xet.XetToken(k.eve.Token, "eve/den", "write")
	other := (&xetstoretest.Client{}).Pack(k.t, k.odd)
	k.xet.Xorbs(token, other)
	for i := range other.Shard.Files {
		other.Shard.Files[i].SHA256 = sha256Of(k.chunks)
	}
	if a := k.xet.Do("POST", "/v1/shards", token, other.Bytes()); a.StatusCode != 400 {
		k.t.Errorf("a shard that claims the hash for other bytes: %d", a.StatusCode)
	}
	known := k.xet.Do("POST", "/v1/shards", token, k.chunks.Bytes())
	unknown := k.xet.Do("POST", "/v1/shards", token, (&xetstoretest.Client{}).Pack(k.t, xetstoretest.Mixed(82, 2*partSize)).Bytes())
	if known.StatusCode != unknown.StatusCode || known.StatusCode < 400 {
		k.t.Errorf("a shard of xorbs that others sent: %d, of none: %d", known.StatusCode, unknown.StatusCode)
	}
	k.nothing("shards", known.Bytes)
}

func sha256Of(u *xetstoretest.Upload) *[32]byte { return u.Shard.Files[0].SHA256 }

func (k *theft) reconstruction() {
	token := k.xet.XetToken(k.eve.Token, "eve/den", "read")
	for _, version := range []string{"v1", "v2"} {
		if a := k.xet.Do("GET", "/"+version+"/reconstructions/"+k.xetHash, token, nil); a.StatusCode != 404 {
			k.t.Errorf("reconstruction %s: %d", version, a.StatusCode)
		}
	}
	if a := k.Do(k.eve, "GET", "/api/models/alice/secret/xet-read-token/main", nil); a.Status != 404 {
		k.t.Errorf("a token for the other's repository: %d", a.Status)
	}
}

func (k *theft) fork() {
	k.refused("duplicate the repository", k.Do(k.eve, "POST", "/api/models/alice/secret/duplicate", dict{"repository": "eve/copy"}))
}

func (k *theft) duplicateFiles() {
	files := []dict{{"xetHash": k.xetHash, "sha256": k.sha, "filename": "stolen.bin"}}
	k.refused("lfs-files/duplicate", k.Do(k.eve, "POST", "/api/models/alice/secret/lfs-files/duplicate", dict{"target": dict{"type": "model", "name": "eve/den"}, "files": files}))
	a := k.Do(k.eve, "POST", "/api/models/eve/den/lfs-files/duplicate", dict{"target": dict{"type": "model", "name": "eve/den"}, "files": files})
	k.nothing("lfs-files/duplicate", a.Body)
}
