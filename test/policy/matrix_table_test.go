package policy

import (
	"bytes"
	"crypto/ed25519"
	"image"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/cairnhub/cairn/internal/authz"
	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/httpd/contract"
)

// How a request is answered. What was let in may still fail, for what it asks is wrong, but never with a refusal.
const (
	admitted     = 'A'
	redirected   = 'M' // 307 to the repository's new name
	hiddenAnon   = 'U' // 401 RepoNotFound
	hidden       = 'N' // 404 RepoNotFound
	forbidden    = 'F' // 403
	signIn       = 'S' // 401, a proof is missing
	badToken     = 'I' // 401 Invalid credentials in Authorization header
	gatedAnon    = 'g' // 401 GatedRepo
	gated        = 'G' // 403 GatedRepo
	noOwner      = 'n' // 404, there is no such user or organisation
	byOtherProof = 'P' // 401 or 403: it takes a signature or a token of another kind
)

// callers are the columns of the tables below. Those of the organisation ask for its repositories, all others for
// olga's.
var callers = []string{"anonymous", "stranger", "reader", "contributor", "writer", "orgadmin", "owner", "ownerread", "siteadmin", "revoked", "disabled"}

// The states of a repository: the first four under their own name, the last two asked for by a name that it had before.
const (
	public      = "public"
	private     = "private"
	absent      = "absent"
	gatedState  = "gated"
	moved       = "moved"
	movedHidden = "moved-private"
	noRepo      = "-" // the route names none
)

var states = []string{public, private, absent, gatedState, moved, movedHidden}

// Whom a route with a right on a user or an organisation is asked about.
const (
	ofSelf   = "self"   // the caller; nobody in particular has none
	ofUser   = "user"   // olga
	ofOrg    = "org"    // acme
	ofNobody = "nobody" // a name that nobody has
)

var owners = []string{ofSelf, ofUser, ofOrg, ofNobody}

// row is what each caller gets, by state; a column per caller.
type row map[string]string

// a anonymous, s stranger, r reader, c contributor, w writer, o organisation's admin,
// O owner, R owner with a read token, A administrator of the hub, - revoked token, x disabled user
var (
	//                                    asrcwoORA-x
	reading = row{public: /*         */ "AAAAAAAAAII",
		private:/*              */ "UNAAAAAAAII",
		absent:/*              */ "UNNNNNNNNII",
		gatedState:/*          */ "AAAAAAAAAII",
		moved:/*               */ "MMMMMMMMMII",
		movedHidden:/*         */ "UNMMMMMMMII"}
	downloading = row{public: /*     */ "AAAAAAAAAII",
		private:/*              */ "UNAAAAAAAII",
		absent:/*              */ "UNNNNNNNNII",
		gatedState:/*          */ "gGAAAAAAAII",
		moved:/*               */ "MMMMMMMMMII",
		movedHidden:/*         */ "UNMMMMMMMII"}
	changing = row{public: /*        */ "SFFFAAAFAII",
		private:/*              */ "UNFFAAAFAII",
		absent:/*              */ "UNNNNNNNNII",
		gatedState:/*          */ "SFFFAAAFAII",
		moved:/*               */ "SFFFMMMFMII",
		movedHidden:/*         */ "UNFFMMMFMII"}
	// Duplicating reads one repository and makes another, in the caller's own namespace.
	// A copy would be without the gate, so who may not write to a gated one may not copy it.
	duplicating = row{public: /*     */ "SAAAAAAFAII",
		private:/*              */ "UNAAAAAFAII",
		absent:/*              */ "UNNNNNNNNII",
		gatedState:/*          */ "gGGGAAAGAII",
		moved:/*               */ "MMMMMMMMMII",
		movedHidden:/*         */ "UNMMMMMMMII"}
	// The gate comes before the right to write.
	uploading = row{public: changing[public], private: changing[private], absent: changing[absent], gatedState: "gGFFAAAFAII",
		moved: changing[moved], movedHidden: changing[movedHidden]}
	// Whoever may read what has moved learns where it is before the right to write is looked at.
	pushing = row{public: changing[public], private: changing[private], absent: changing[absent], gatedState: uploading[gatedState],
		moved: downloading[moved], movedHidden: downloading[movedHidden]}
	// Copying files asks for the right to duplicate the one repository and to write to the other, here the same.
	copying = row{public: changing[public], private: changing[private], absent: changing[absent], gatedState: duplicating[gatedState],
		moved: reading[moved], movedHidden: reading[movedHidden]}
	// Everybody may make an account; who has one becomes a member by a proof that may change something.
	joining = row{noRepo: "AAAAAAAFAII"}
	// Whoever sees a repository may like it, by a proof that may change something.
	liking = row{public: /*          */ "SAAAAAAFAII",
		private:/*              */ "UNAAAAAFAII",
		absent:/*              */ "UNNNNNNNNII",
		gatedState:/*          */ "SAAAAAAFAII",
		moved:/*               */ "SMMMMMMFMII",
		movedHidden:/*         */ "UNMMMMMFMII"}
	// The repository is named in the body: the token is looked at before the body is, and nothing redirects.
	changingByBody = row{public: /*  */ "SFFFAAAFAII",
		private:/*              */ "SNFFAAAFAII",
		absent:/*              */ "SNNNNNNFNII",
		gatedState:/*          */ "SFFFAAAFAII",
		moved:/*               */ "SFFFAAAFAII",
		movedHidden:/*         */ "SNFFAAAFAII"}
)

// table is the expectation for each right.
var table = map[authz.Right]row{
	authz.RepoRead:     reading,
	authz.RepoLike:     liking,
	authz.RepoContent:  downloading,
	authz.RepoWrite:    changing,
	authz.RepoSettings: changing,
	authz.RepoAdmin:    changing,
	authz.RepoKeyAdd:   changing,
	//                               asrcwoORA-x
	authz.Public:    row{noRepo: "AAAAAAAAAII", public: reading[public], private: reading[private], absent: reading[absent], gatedState: reading[gatedState], moved: reading[moved], movedHidden: reading[movedHidden]},
	authz.SignedIn:  row{noRepo: "SAAAAAAAAII"},
	authz.Write:     row{noRepo: "SAAAAAAFAII"},
	authz.WriteBody: row{noRepo: "SAAAAAAFAII"},
	authz.Account:   row{noRepo: "SAAAAAAFAII"},
	authz.SiteRead:  row{noRepo: "SFFFFFFFAII"},
	authz.SiteAdmin: row{noRepo: "SFFFFFFFAII"},
	authz.Signed:    row{noRepo: "PPPPPPPPPPP"},
	authz.XetRead:   row{noRepo: "PPPPPPPPPPP"},
	authz.XetWrite:  row{noRepo: "PPPPPPPPPPP"},
	//                                              asrcwoORA-x
	authz.OwnerRead:         row{ofSelf: /*   */ "nAAAAAAAAII", ofUser: "AAAAAAAAAII", ofOrg: "AAAAAAAAAII", ofNobody: "nnnnnnnnnII"},
	authz.OwnerFollow:       row{ofSelf: /*   */ "nAAAAAAFAII", ofUser: "SAAAAAAFAII", ofOrg: "SAAAAAAFAII", ofNobody: "nnnnnnnnnII"},
	authz.OwnerMember:       row{ofSelf: /*   */ "nAAAAAAAAII", ofUser: "SFFFFFAAAII", ofOrg: "SFAAAAFFAII", ofNobody: "nnnnnnnnnII"},
	authz.OwnerSettingsRead: row{ofSelf: /*   */ "nAAAAAAAAII", ofUser: "SFFFFFAAAII", ofOrg: "SFFFFAFFAII", ofNobody: "nnnnnnnnnII"},
	authz.OwnerAdmin:        row{ofSelf: /*   */ "nAAAAAAFAII", ofUser: "SFFFFFAFAII", ofOrg: "SFFFFAFFAII", ofNobody: "nnnnnnnnnII"},
}

// probe is a plausible request to a route.
type probe struct {
	query   string
	body    func(target) any
	headers []string
	rows    row                       // instead of the table's
	creates bool                      // it makes a repository in the caller's own namespace
	inBody  bool                      // the body names the repository
	prepare func(m *matrix, t target) // what must be there, in a repository of its own
	refused bool                      // nothing about this request can succeed; it is about being admitted
}

// about are the states in which a route is asked.
func (p probe) about(rt httpd.Route) []string {
	switch {
	case p.inBody || strings.Contains(rt.Path, "{repo}"):
		return states
	case strings.HasPrefix(string(rt.Right), "owner-"):
		return owners
	}
	return []string{noRepo}
}

// rowsOf is what is expected.
func (p probe) rowsOf(rt httpd.Route) row {
	if p.rows != nil {
		return p.rows
	}
	return table[rt.Right]
}

// target is the repository, user or organisation (namespace) that a request is about.
type target struct{ plural, namespace, name, caller, fresh string }

func (t target) id() string { return t.namespace + "/" + t.name }

func (t target) singular() string { return strings.TrimSuffix(t.plural, "s") }

func object(v map[string]any) func(target) any { return func(target) any { return v } }

func text(s string) func(target) any { return func(target) any { return s } }

// freshKey is a body with an SSH key that the hub has not seen.
func freshKey(target) any {
	public, _, _ := ed25519.GenerateKey(nil) // never fails
	key, _ := ssh.NewPublicKey(public)
	return map[string]any{"title": "fresh", "key": string(ssh.MarshalAuthorizedKey(key))}
}

var lfsObjects = []map[string]any{{"oid": strings.Repeat("ab", 32), "size": 5}}

var (
	ndjson  = []string{"Content-Type", "application/x-ndjson"}
	lfsJSON = []string{"Content-Type", "application/vnd.git-lfs+json", "Accept", "application/vnd.git-lfs+json"}
	form    = []string{"Content-Type", "application/x-www-form-urlencoded"}
	octets  = []string{"Content-Type", "application/octet-stream"}
)

// pushOfNothing deletes a branch that is not there, which is told in the answer.
var pushOfNothing = string(git.AppendFlush(git.AppendPkt(nil, strings.Repeat("1", 40)+" "+strings.Repeat("0", 40)+" refs/heads/never\x00report-status")))

// picture is a form with a picture of one pixel.
var picture = func() (p struct {
	headers []string
	body    func(target) any
}) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	file, _ := form.CreateFormFile("file", "a.png")
	_ = png.Encode(file, image.NewGray(image.Rect(0, 0, 1, 1)))
	_ = form.Close()
	p.headers, p.body = []string{"Content-Type", form.FormDataContentType()}, text(b.String())
	return p
}()

// probes are the requests, by route. GET and HEAD need none; every other route without one fails the test.
var probes = map[string][]probe{
	"createRepo": {{creates: true, body: func(t target) any { return map[string]any{"name": t.fresh} }}},
	"deleteRepo": {{inBody: true, rows: changingByBody, body: func(t target) any {
		return map[string]any{"organization": t.namespace, "name": t.name, "type": t.singular()}
	}}},
	"moveRepo": {{inBody: true, rows: changingByBody, body: func(t target) any {
		return map[string]any{"fromRepo": t.id(), "toRepo": t.namespace + "/" + t.fresh, "type": t.singular()}
	}}},
	"duplicateRepo": {{rows: duplicating, creates: true, body: func(t target) any {
		ns := t.caller
		if ns == "anonymous" || ns == "revoked" || ns == "disabled" {
			ns = "stranger"
		}
		return map[string]any{"repository": ns + "/" + t.fresh}
	}}},
	"updateRepoSettings":     {{body: object(map[string]any{"discussionsDisabled": true})}, {body: object(map[string]any{"private": true})}},
	"postQuicksearch":        {{body: object(map[string]any{"q": "public", "exclude": []string{}})}},
	"updateUserSettings":     {{body: object(map[string]any{"bio": "about"})}},
	"updateOrgSettings":      {{body: object(map[string]any{"bio": "about"})}},
	"setUserAvatar":          {{headers: picture.headers, body: picture.body}},
	"setOrgAvatar":           {{headers: picture.headers, body: picture.body}},
	"deleteUserAvatar":       {{}},
	"deleteOrgAvatar":        {{}},
	"followUser":             {{}},
	"unfollowUser":           {{}},
	"followOrg":              {{}},
	"unfollowOrg":            {{}},
	"likeRepo":               {{}},
	"likeForm":               {{headers: form, body: text("")}},
	"followUserForm":         {{headers: form, body: text("")}},
	"followOrganizationForm": {{headers: form, body: text("")}},
	"unlikeRepo":             {{}},
	"validateYaml":           {{body: object(map[string]any{"content": "---\nlicense: mit\n---\n", "repoType": "model"})}},
	"pathsInfo":              {{body: object(map[string]any{"paths": []string{".gitattributes"}})}},
	"preupload":              {{body: object(map[string]any{"files": []map[string]any{{"path": "a", "size": 1, "sample": "YQ=="}}})}},
	"commit": {{headers: ndjson, body: text(`{"key":"header","value":{"summary":"s"}}` + "\n" +
		`{"key":"file","value":{"path":"a","content":"YQ==","encoding":"base64"}}` + "\n")}},
	"createBranch":     {{body: object(map[string]any{})}},
	"deleteBranch":     {{prepare: func(m *matrix, t target) { m.must("POST", t, "/branch/topic", map[string]any{}) }}},
	"createTag":        {{body: object(map[string]any{"tag": "v1"})}},
	"deleteTag":        {{prepare: func(m *matrix, t target) { m.must("POST", t, "/tag/main", map[string]any{"tag": "main"}) }}},
	"superSquash":      {{body: object(map[string]any{"message": "squashed"})}},
	"mergeBranch":      {{body: object(map[string]any{"from": "main"})}},
	"revertCommit":     {{body: object(map[string]any{"commit": "main"})}},
	"cherryPickCommit": {{body: object(map[string]any{"commit": "main"})}},
	"resetBranch":      {{body: object(map[string]any{"to": "main"})}},
	"deleteLargeFile":  {{refused: true}}, // it has no such file
	"deleteLargeFiles": {{refused: true, body: object(map[string]any{"deletions": map[string]any{"sha": []string{strings.Repeat("ab", 32)}}})}},
	"copyLargeFiles": {{rows: copying, body: func(t target) any {
		return map[string]any{"target": map[string]any{"type": t.singular(), "name": t.id()},
			"files": []map[string]any{{"xetHash": strings.Repeat("ab", 32), "sha256": strings.Repeat("ab", 32)}}}
	}}},
	"lfsBatch": {
		{headers: lfsJSON, body: object(map[string]any{"operation": "download", "objects": lfsObjects})},
		{headers: lfsJSON, rows: uploading, body: object(map[string]any{"operation": "upload", "objects": lfsObjects})},
	},
	"lfsVerify":        {{headers: lfsJSON, body: object(map[string]any{"oid": strings.Repeat("ab", 32), "size": 5}), refused: true}},
	"lfsLock":          {{headers: lfsJSON, body: func(t target) any { return map[string]any{"path": t.fresh} }}},
	"lfsVerifyLocks":   {{headers: lfsJSON, body: object(map[string]any{})}},
	"lfsUnlock":        {{headers: lfsJSON, body: object(map[string]any{"force": true}), refused: true}},
	"lfsUpload":        {{headers: octets, body: text("hello")}},
	"lfsPart":          {{headers: octets, body: text("hello")}},
	"lfsComplete":      {{body: object(map[string]any{"parts": []any{}})}},
	"xorbUpload":       {{headers: octets, body: text("x")}},
	"shardUploadV1":    {{headers: octets, body: text("x")}},
	"shardUploadV2":    {{headers: octets, body: text("x")}},
	"xetTelemetry":     {{body: object(map[string]any{}), rows: row{noRepo: "AAAAAAAAAAA"}}}, // whatever is sent along, it is dropped
	"bodyProbe":        {{body: text("x")}},
	"telemetry":        {{}},
	"addKey":           {{body: freshKey}},
	"deleteKey":        {{refused: true}},
	"addGpgKey":        {{body: object(map[string]any{"key": "none"}), refused: true}},
	"deleteGpgKey":     {{refused: true}},
	"addDeployKey":     {{body: freshKey}},
	"deleteDeployKey":  {{refused: true}},
	"login":            {{headers: form, body: text("username=olga&password=correct+horse+battery+staple")}},
	"addKeyForm":       {{headers: form, body: text("key=none"), refused: true}},
	"deleteKeyForm":    {{headers: form, body: text(""), refused: true}},
	"addGpgKeyForm":    {{headers: form, body: text("gpg-key=none"), refused: true}},
	"deleteGpgKeyForm": {{headers: form, body: text(""), refused: true}},
	"endSessionForm":   {{headers: form, body: text(""), refused: true}},
	"createTokenForm":  {{headers: form, body: func(t target) any { return "role=read&life=7&name=" + t.fresh }}},
	"rotateTokenForm":  {{headers: form, body: text(""), refused: true}},
	"revokeTokenForm":  {{headers: form, body: text(""), refused: true}},

	"createToken":        {{body: func(t target) any { return map[string]any{"name": t.fresh} }}},
	"rotateToken":        {{refused: true}},
	"revokeToken":        {{refused: true}},
	"revokeCredentials":  {{body: object(map[string]any{"credentials": []string{"hf_none"}})}},
	"revokeOrgToken":     {{body: object(map[string]any{"token": "hf_none"}), refused: true}},
	"revokeOrgTokenById": {{refused: true}},

	"siteConfig":     {{}},
	"register":       {{body: object(map[string]any{"username": "nobody-new", "password": "pears on a plate", "invitation": "none"}), refused: true}},
	"verifyEmail":    {{body: object(map[string]any{"code": "none"}), refused: true}},
	"forgotPassword": {{body: object(map[string]any{"email": "nobody@example.com"})}},
	"resetPassword":  {{body: object(map[string]any{"code": "none", "password": "pears on a plate"}), refused: true}},
	"deleteUser":     {{body: object(map[string]any{"name": "nobody", "password": "wrong"}), refused: true}},
	"endSession":     {{refused: true}},
	"changePassword": {{body: object(map[string]any{"currentPassword": "wrong", "newPassword": "pears on a plate"}), refused: true}},
	"changeEmail":    {{body: object(map[string]any{"email": "nobody@example.com", "password": "wrong"}), refused: true}},
	"resendEmail":    {{refused: true}},
	"renameUser":     {{body: object(map[string]any{"name": "nobody-new", "password": "wrong"}), refused: true}},
	"join":           {{rows: joining, headers: form, body: text("username=nobody-new&password=pears+on+a+plate&code=none"), refused: true}},
	"resetPage":      {{refused: true}}, // only an e-mail has the link
	"verifyPage":     {{refused: true}},
	"forgot":         {{headers: form, body: text("username=nobody")}},
	"reset":          {{headers: form, body: text("code=none&password=pears+on+a+plate"), refused: true}},
	"verify":         {{headers: form, body: text("code=none"), refused: true}},

	"changeEmailForm":    {{headers: form, body: text("email=&email-password=wrong"), refused: true}},
	"resendEmailForm":    {{headers: form, body: text(""), refused: true}},
	"cancelEmailForm":    {{headers: form, body: text("")}},
	"changePasswordForm": {{headers: form, body: text("current=wrong&new=wrong"), refused: true}},
	"renameUserForm":     {{headers: form, body: text("name=-"), refused: true}},
	"deleteUserForm":     {{headers: form, body: text("delete-name=x&delete-password=wrong"), refused: true}},
	"changeProfileForm":  {{headers: form, body: text("bio=hello")}},
	"uploadPictureForm":  {{headers: form, body: text("file=x"), refused: true}},
	"removePictureForm":  {{headers: form, body: text("")}},
	"startDevice":        {{headers: form, body: text("client_id=26be6b09-91c5-47da-9861-d2d2bb7a7e36")}},
	"oauthToken":         {{headers: form, body: text("grant_type=refresh_token&refresh_token=none"), refused: true}},
	"postUserinfo":       {{}},
	"typeDeviceCode":     {{headers: form, body: text("code=none"), refused: true}},
	"consentPage":        {{refused: true}}, // nobody has typed its code
	"decideDevice":       {{headers: form, body: text("decision=deny"), refused: true}},
	"logout":             {{headers: form, body: text("")}},
	"asset":              {{refused: true}}, // its address holds the hash of its content
	"gitInfoRefs":        {{query: "service=git-upload-pack"}, {query: "service=git-receive-pack", rows: pushing}},
	"gitUploadPack": {{headers: []string{"Content-Type", "application/x-git-upload-pack-request"}, body: text("0000")},
		{headers: []string{"Content-Type", "application/x-git-upload-pack-request", "Git-Protocol", "version=2"}, body: text("0014command=ls-refs\n0000")}},
	"gitReceivePack": {{headers: []string{"Content-Type", "application/x-git-receive-pack-request"}, body: text("0000")},
		{headers: []string{"Content-Type", "application/x-git-receive-pack-request"}, body: text(pushOfNothing)}},
}

// parameters are what paths are filled with. A parameter that is not here fails the test.
var parameters = map[string]string{
	"archive":    "main.zip",
	"branch":     "topic",
	"compare":    "main..main",
	"file":       "olga.svg",
	"hash":       strings.Repeat("ab", 32),
	"invitation": strings.Repeat("ab", 12),
	"key":        strings.Repeat("ab", 12),
	"lock":       strings.Repeat("ab", 12),
	"number":     "1",
	"oid":        strings.Repeat("ab", 20),
	"path":       ".gitattributes",
	"prefix":     "default",
	"request":    strings.Repeat("ab", 12),
	"rev":        "main",
	"session":    strings.Repeat("ab", 8),
	"sha":        strings.Repeat("ab", 32),
	"sha256":     strings.Repeat("ab", 32),
	"token":      strings.Repeat("ab", 12),
	"tokenId":    strings.Repeat("ab", 12),
	"user":       "olga",
	"username":   "reader",
	"owner":      "olga",
	"job":        "999999999",
}

// pathOf fills a route's path. ok is false when it names a parameter that nobody thought of.
func pathOf(rt httpd.Route, t target) (path string, ok bool) {
	ok = true
	path = parameter.ReplaceAllStringFunc(rt.Path, func(p string) string {
		switch name := p[1 : len(p)-1]; name {
		case "account":
			return t.fresh
		case rt.OwnerParam():
			return t.namespace
		case "repoType":
			return t.plural
		case "namespace":
			return t.namespace
		case "repo":
			return t.name
		default:
			if name == "token" && strings.HasPrefix(rt.ID, "admin") {
				return t.fresh
			}
			v, known := parameters[name]
			if !known && rt.ID == contract.Unserved {
				return "1"
			}
			ok = ok && known
			if name == "path" && (rt.ID == "listTree" || rt.ID == "treeSize" || rt.ID == "treePage") {
				return "" // a folder
			}
			return v
		}
	})
	return path, ok
}

// probesOf are a route's requests; nil when nobody thought of one.
func probesOf(rt httpd.Route) []probe {
	for _, table := range []map[string][]probe{probes, orgProbes, adminProbes} {
		if p := table[rt.ID]; p != nil {
			return p
		}
	}
	if rt.ID == contract.Unserved || rt.Method == http.MethodGet || rt.Method == http.MethodHead {
		return []probe{{refused: rt.ID == contract.Unserved}}
	}
	return nil
}
