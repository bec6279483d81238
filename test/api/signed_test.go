package api

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/signature/signaturetest"
	"github.com/cairnhub/cairn/internal/testhub"
)

type verification struct {
	Verified bool
	Reason   string
	Signer   *struct{ User, Type, KeyID, Fingerprint string }
}

// said is a verification in one line.
func (v verification) said() string {
	if v.Signer == nil {
		return fmt.Sprint(v.Reason, " ", v.Verified)
	}
	return fmt.Sprint(v.Reason, " ", v.Verified, " ", v.Signer.User, " ", v.Signer.Type)
}

// verified asks who signed the commits of main, by title.
func verified(h *testhub.Hub, c testhub.Caller, id string) map[string]string {
	h.T.Helper()
	out := map[string]string{}
	for _, c := range ok[[]struct {
		Title        string
		Verification verification
	}](h.T.(*testing.T), "commits", get(h, c, "/api/models/"+id+"/commits/main?expand%5B%5D=verification")) {
		out[c.Title] = c.Verification.said()
	}
	return out
}

func addGPGKey(h *testhub.Hub, c testhub.Caller, key string) string {
	h.T.Helper()
	return ok[struct{ ID string }](h.T.(*testing.T), "add key", post(h, c, "/api/user/gpg_keys", dict{"key": key})).ID
}

// push sends all that a machine has to a repository.
func push(h *testhub.Hub, c testhub.Caller, s *signaturetest.Signer, id string) {
	h.T.Helper()
	u, err := url.Parse(h.URL + "/" + id)
	if err != nil {
		h.T.Fatal(err)
	}
	u.User = url.UserPassword(c.Name, c.Token)
	s.Git("push", "-q", "-f", u.String(), "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
}

func TestSignedCommits(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := model(h, "alice", "m", nil)
		bob := h.User("bob")
		s := signaturetest.New(t, "alice@example.com")
		fpr := s.GPGKey("ed25519")
		public := s.Public(fpr)
		s.Git("commit", "-q", "--allow-empty", "-m", "unsigned")
		s.Tag("gpg-tag")
		s.Commit("gpg")
		s.Git("-c", "user.email=carol@example.com", "commit", "-q", "-S", "--allow-empty", "-m", "in another's name")
		raw := string(s.Raw("commit", s.Commit("genuine")))
		forged := strings.TrimSpace(s.Run(strings.Replace(raw, "genuine", "tampered", 1), "git", "-C", s.Dir, "hash-object", "-t", "commit", "-w", "--stdin"))
		s.Git("reset", "-q", "--hard", forged)
		old := s.GPGKeyAt("Old <alice@example.com>", "rsa2048", "20200101T000000")
		s.Commit("by an expired key")
		s.GPG("", "--quick-set-expire", old, "20210101T000000")
		sshKey := s.SSHKey("ed25519")
		s.Commit("ssh")
		s.Tag("ssh-tag")
		s.Git("tag", "-a", "-m", "plain", "plain-tag")
		s.Git("tag", "light-tag")
		garbled := strings.Replace(raw, "gpgsig -----BEGIN PGP SIGNATURE-----", "gpgsig -----BEGIN NO SIGNATURE-----", 1)
		garbled = strings.Replace(garbled, "genuine", "garbled", 1)
		s.Git("reset", "-q", "--hard", strings.TrimSpace(s.Run(garbled, "git", "-C", s.Dir, "hash-object", "-t", "commit", "-w", "--stdin")))
		s.Git("merge", "-q", "--allow-unrelated-histories", "-m", "merge", "ssh-tag")
		push(h, alice, s, "alice/m")

		want := map[string]string{"unsigned": "unsigned false", "gpg": "unknown_key false", "ssh": "unknown_key false", "tampered": "unknown_key false",
			"in another's name": "unknown_key false", "by an expired key": "unknown_key false", "garbled": "malformed false", "merge": "unsigned false"}
		check := func(when string) {
			t.Helper()
			got := verified(h, nobody, "alice/m")
			for title, w := range want {
				if got[title] != w {
					t.Errorf("%s: %q is %q, want %q", when, title, got[title], w)
				}
			}
		}
		check("before keys are known")
		id := addGPGKey(h, alice, public)
		addGPGKey(h, alice, s.Public(old))
		h.JSON(alice, "POST", "/api/user/keys", dict{"key": sshKey}, nil)
		want["gpg"], want["ssh"] = "valid true alice gpg", "valid true alice ssh"
		want["tampered"], want["in another's name"], want["by an expired key"] = "bad_signature false", "bad_email false alice gpg", "expired_key false"
		check("with keys")
		check("again") // from what is kept

		for title, sign := range map[string]string{"gpg": "Signed by", "tampered": "Signed, not verified: the signature does not fit", "unsigned": ""} {
			id := ""
			for _, c := range ok[[]struct{ ID, Title string }](t, "commits", get(h, nobody, "/api/models/alice/m/commits/main")) {
				if c.Title == title {
					id = c.ID
				}
			}
			shown := ok[struct{ Verification verification }](t, "commit", get(h, nobody, "/api/models/alice/m/commit/"+id))
			if got := shown.Verification.said(); got != want[title] {
				t.Errorf("%q by itself is %q", title, got)
			}
			page := string(get(h, nobody, "/alice/m/commit/"+id).Body)
			if !strings.Contains(page, sign) || sign == "" && strings.Contains(page, "Signed") {
				t.Errorf("the page of %q does not say %q", title, sign)
			}
		}

		type ref struct {
			Name         string
			Verification *verification
		}
		tags := map[string]string{}
		for _, r := range ok[struct{ Tags []ref }](t, "refs", get(h, nobody, "/api/models/alice/m/refs?expand=verification")).Tags {
			tags[r.Name] = "none"
			if r.Verification != nil {
				tags[r.Name] = r.Verification.said()
			}
		}
		if tags["gpg-tag"] != "valid true alice gpg" || tags["ssh-tag"] != "valid true alice ssh" || tags["plain-tag"] != "unsigned false" || tags["light-tag"] != "none" {
			t.Errorf("tags %v", tags)
		}
		if a := get(h, nobody, "/api/models/alice/m/refs"); strings.Contains(string(a.Body), "verification") {
			t.Error("refs tell what was not asked for")
		}

		addGPGKey(h, bob, public) // bob may claim her key, but not her address
		check("with the key claimed by somebody else")
		h.JSON(alice, "DELETE", "/api/user/gpg_keys/"+id, nil, nil)
		want["gpg"], want["in another's name"] = "bad_email false bob gpg", "bad_email false bob gpg"
		check("when she has deleted it")
		s.Revoke(fpr)
		addGPGKey(h, alice, s.Public(fpr))
		for _, k := range ok[[]struct{ ID string }](t, "keys", get(h, bob, "/api/user/gpg_keys")) {
			h.JSON(bob, "DELETE", "/api/user/gpg_keys/"+k.ID, nil, nil)
		}
		want["gpg"], want["in another's name"], want["tampered"] = "revoked_key false", "revoked_key false", "bad_signature false"
		check("revoked")

		// An SSH key that is deleted, or opens one repository for whoever has it, says nothing of a person.
		for _, k := range ok[[]struct{ ID string }](t, "keys", get(h, alice, "/api/user/keys")) {
			h.JSON(alice, "DELETE", "/api/user/keys/"+k.ID, nil, nil)
		}
		want["ssh"] = "unknown_key false"
		check("without SSH keys")
		h.JSON(alice, "POST", "/api/models/alice/m/keys", dict{"key": sshKey, "write": true}, nil)
		check("as a deploy key")
	})
}

func TestGPGKeys(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		s := signaturetest.New(t, "alice@example.com")
		fpr := s.GPGKey("ed25519")
		public := s.Public(fpr)
		type key struct {
			ID, Title, Fingerprint, KeyID, Key string
			Emails, Subkeys                    []string
			ExpiresAt                          *string
			Revoked                            bool
		}
		k := ok[key](t, "add", post(h, alice, "/api/user/gpg_keys", dict{"key": "\n" + public}))
		if k.Title != "Alice <alice@example.com>" || k.Fingerprint != fpr || k.KeyID != fpr[24:] || len(k.Emails) != 1 || k.Emails[0] != "alice@example.com" || k.ExpiresAt != nil || k.Revoked {
			t.Errorf("%+v", k)
		}
		refused(t, "again", post(h, alice, "/api/user/gpg_keys", dict{"key": public, "title": "mine"}), 409, "", "delete it first")
		list := ok[[]key](t, "list", get(h, alice, "/api/user/gpg_keys"))
		if len(list) != 1 || list[0].ID != k.ID || strings.TrimSpace(list[0].Key) != strings.TrimSpace(public) {
			t.Errorf("%+v", list)
		}
		if list := ok[[]key](t, "list", get(h, bob, "/api/user/gpg_keys")); len(list) != 0 {
			t.Errorf("bob has %+v", list)
		}
		refused(t, "another's", h.Do(bob, "DELETE", "/api/user/gpg_keys/"+k.ID, nil), 404, "", "no key")
		refused(t, "private", post(h, alice, "/api/user/gpg_keys", dict{"key": s.GPG("", "--armor", "--export-secret-keys", fpr)}), 400, "", "private key", "--export")
		refused(t, "nothing", post(h, alice, "/api/user/gpg_keys", dict{}), 400, "", "not a public OpenPGP key")
		refused(t, "ssh", post(h, alice, "/api/user/gpg_keys", dict{"key": "ssh-ed25519 AAAA"}), 400, "")
		refused(t, "title", post(h, bob, "/api/user/gpg_keys", dict{"key": public, "title": strings.Repeat("x", 200)}), 400, "", "title")
		refused(t, "huge", post(h, alice, "/api/user/gpg_keys", dict{"key": strings.Repeat("x", 2<<20)}), 413, "")
		h.JSON(alice, "DELETE", "/api/user/gpg_keys/"+k.ID, nil, nil)
		if list := ok[[]key](t, "list", get(h, alice, "/api/user/gpg_keys")); len(list) != 0 {
			t.Errorf("deleted, and there is %+v", list)
		}
	})
}
