package api

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/testhub"
)

// onePNG is a picture of one colour.
func onePNG(t *testing.T, w, h int, c color.Color) []byte {
	t.Helper()
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(p, p.Rect, image.NewUniform(c), image.Point{}, draw.Src)
	var b bytes.Buffer
	if err := png.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sendPicture sends a picture as a form does, under any name.
func sendPicture(t *testing.T, h *testhub.Hub, c testhub.Caller, path, field, name string, content []byte) testhub.Answer {
	t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	_ = form.WriteField("note", "a field before it")
	part, err := form.CreateFormFile(field, name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = form.Close()
	return h.Do(c, http.MethodPost, path, b.Bytes(), "Content-Type", form.FormDataContentType())
}

// TestAvatars: a picture is made anew, shown everywhere at once, and given back.
func TestAvatars(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice, bob := h.User("alice"), h.User("bob")
		h.Org("acme", alice, map[string]hub.Role{"bob": hub.RoleWrite})
		for base, ns := range map[string]string{"/api/users/alice": "alice", "/api/organizations/acme": "acme"} {
			drawn := get(h, nobody, base+"/avatar")
			if p, err := jpeg.Decode(bytes.NewReader(drawn.Body)); err != nil || drawn.Header.Get("Content-Type") != "image/jpeg" || drawn.Header.Get("Cache-Control") != "public, max-age=86400" || p.Bounds().Empty() {
				t.Fatalf("%s: drawn: %v %v", base, err, drawn.Header)
			}
			if a := get(h, nobody, "/api/avatars/"+ns); a.Status != http.StatusFound || a.Header.Get("Location") != "/avatars/"+ns+".svg" {
				t.Errorf("drawn: %d %v", a.Status, a.Header)
			}

			done := ok[dict](t, "upload", sendPicture(t, h, alice, base+"/avatar", "file", "../../evil.svg", onePNG(t, 1500, 1200, color.RGBA{200, 30, 30, 255})))
			pic := get(h, nobody, base+"/avatar")
			p, err := jpeg.Decode(bytes.NewReader(pic.Body))
			if err != nil || p.Bounds().Dx() != 1024 || p.Bounds().Dy() != 1024 || done["size_bytes"] != float64(len(pic.Body)) || done["success"] != true {
				t.Fatalf("%s: %v %v", base, err, done)
			}
			if a := get(h, nobody, base+"/avatar", "If-None-Match", pic.Header.Get("ETag")); a.Status != http.StatusNotModified {
				t.Errorf("by its tag: %d", a.Status)
			}
			url := ok[struct{ AvatarURL string }](t, "as JSON", get(h, nobody, base+"/avatar", "Accept", "application/json")).AvatarURL
			path := strings.TrimPrefix(url, h.URL)
			for what, a := range map[string]testhub.Answer{"image": get(h, nobody, base+"/avatar", "Sec-Fetch-Dest", "image"), "redirect": get(h, nobody, base+"/avatar?redirect"), "namespace": get(h, nobody, "/api/avatars/"+strings.ToUpper(ns))} {
				if a.Status != http.StatusFound || a.Header.Get("Location") != path || !strings.HasSuffix(path, ".jpg") {
					t.Errorf("%s: %s: %d to %q, want %q", base, what, a.Status, a.Header.Get("Location"), path)
				}
			}
			if a := get(h, nobody, path); !bytes.Equal(a.Body, pic.Body) || !strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
				t.Errorf("%s: %d %v", path, a.Status, a.Header)
			}

			refused(t, "of another", sendPicture(t, h, bob, base+"/avatar", "file", "a.png", onePNG(t, 9, 9, color.White)), 403, "")
			refused(t, "delete of another", h.Do(bob, http.MethodDelete, base+"/avatar", nil), 403, "")
			for range 2 {
				h.JSON(alice, http.MethodDelete, base+"/avatar", nil, nil)
			}
			if a := get(h, nobody, base+"/avatar"); !bytes.Equal(a.Body, drawn.Body) {
				t.Errorf("%s: the drawing is not back", base)
			}
			if a := get(h, nobody, path); a.Status != http.StatusNotFound {
				t.Errorf("a picture that nobody shows: %d", a.Status)
			}
		}
		who := ok[struct{ AvatarURL string }](t, "whoami", get(h, alice, "/api/whoami-v2"))
		if a := get(h, nobody, strings.TrimPrefix(who.AvatarURL, h.URL)); a.Status != http.StatusFound {
			t.Errorf("%s: %d", who.AvatarURL, a.Status)
		}
	})
}

// TestAvatarUploadsAreBounded: what is no picture, or too large a one, is refused with a reason.
func TestAvatarUploadsAreBounded(t *testing.T) {
	each(t, func(t *testing.T, h *testhub.Hub) {
		alice := h.User("alice")
		path := "/api/users/alice/avatar"
		whole := onePNG(t, 64, 64, color.Black)
		for what, content := range map[string][]byte{"SVG": []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "cut": whole[:60], "empty": {}, "HTML": []byte("GIF89a<script>")} {
			refused(t, what, sendPicture(t, h, alice, path, "file", "a.png", content), 400, "")
		}
		refused(t, "11 MB", sendPicture(t, h, alice, path, "file", "a.png", append(whole, make([]byte, 11_000_000)...)), 413, "", "10 MB")
		refused(t, "1 byte more", sendPicture(t, h, alice, path, "file", "a.png", append(whole, make([]byte, 10_000_001-len(whole))...)), 413, "", "10 MB")
		refused(t, "another field", sendPicture(t, h, alice, path, "picture", "a.png", whole), 400, "", "file")
		refused(t, "no form", h.Do(alice, http.MethodPost, path, whole, "Content-Type", "image/png"), 400, "", "multipart")
		refused(t, "cut form", h.Do(alice, http.MethodPost, path, []byte("--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc"), "Content-Type", "multipart/form-data; boundary=x"), 400, "")
		if a := get(h, nobody, "/api/avatars/alice"); a.Header.Get("Location") != "/avatars/alice.svg" {
			t.Error("a refused picture is shown")
		}
	})
}

// TestAvatarsAtOnce: of uploads at the same time one is shown, whole.
func TestAvatarsAtOnce(t *testing.T) {
	t.Parallel()
	h := testhub.New(t)
	alice := h.User("alice")
	done := make(chan string)
	for i := range 4 {
		go func() {
			a := sendPicture(t, h, alice, "/api/users/alice/avatar", "file", "a.png", onePNG(t, 50, 50, color.Gray{uint8(i * 60)}))
			done <- fmt.Sprint(a.Status)
		}()
	}
	for range 4 {
		if s := <-done; s != "200" {
			t.Error(s)
		}
	}
	if _, err := jpeg.Decode(bytes.NewReader(get(h, nobody, "/api/users/alice/avatar").Body)); err != nil {
		t.Error(err)
	}
}
