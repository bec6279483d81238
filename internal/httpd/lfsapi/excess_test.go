package lfsapi_test

import (
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	. "github.com/cairnhub/cairn/internal/httpd/xetapi/xetapitest"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xetstore"
	"github.com/cairnhub/cairn/internal/xetstore/xetstoretest"
)

// Two clients that send slowly hold all places. Whoever comes then gets 503 and when to come back, on every door that takes
// large files, and once there is a place, what was refused goes through.
func TestExcessUploadsGet503(t *testing.T) {
	xetstoretest.Each(t, func(t *testing.T, e *xetstoretest.Env) {
		e.Store = xetstore.New(e.DB, e.Blobs, xetstore.Options{Log: slog.New(slog.DiscardHandler), Uploads: 2, Wait: 50 * time.Millisecond})
		h := furnish(On(t, e))
		carol := h.User("carol")
		h.Repo(carol.ID, "carol", "work", hub.Private)
		slow := xetstoretest.Stall(t, e, xetstore.Scope{UserID: h.alice.ID, RepoID: findRepo(t, h.Door, "secret")}, 300_000)
		xetstoretest.Stall(t, e, xetstore.Scope{UserID: h.mallory.ID, RepoID: findRepo(t, h.Door, "den")}, 400_000)

		plain, inParts := xetstoretest.Mixed(1, 24_000_000), xetstoretest.Random(2, PartSize+1)
		href := h.batch("carol/work", carol.Token, "upload", `"basic"`, pointer(plain)).Objects[0].Actions["upload"].Href
		parts := planOf(t, h.batch("carol/work", carol.Token, "upload", `"multipart"`, pointer(inParts)).Objects[0])
		xet := (&xetstoretest.Client{}).Pack(t, xetstoretest.Random(3, 200_000))
		token := h.XetToken(carol.Token, "carol/work", "write")
		for what, a := range map[string]Answer{
			"plain": h.Do("PUT", href, "", plain),
			// It is refused while it is being sent, and the answer was lost when such a connection was closed at once.
			"plain on a connection that ends": h.Do("PUT", href, "", plain, "Connection", "close"),
			"part":                            h.Do("PUT", parts.parts[1], "", inParts[PartSize:]),
			"xorb":                            h.Do("POST", "/v1/xorbs/default/"+xet.Xorbs[0].Hash.String(), token, xet.Xorbs[0].Body),
		} {
			a.Want(t, http.StatusServiceUnavailable)
			if secs, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || secs < 1 {
				t.Errorf("%s: Retry-After %q", what, a.Header.Get("Retry-After"))
			}
		}
		if n := e.Count(t, "xet_xorb"); n != 0 {
			t.Errorf("%d xorbs are stored of what was refused", n)
		}
		if err := slow(); err != nil {
			t.Fatal(err)
		}
		h.Do("PUT", href, "", plain).Want(t, http.StatusOK)
		h.finish(parts, pointer(inParts).OID, h.sendPart(parts, 0, inParts), h.sendPart(parts, 1, inParts)).Want(t, http.StatusOK)
		h.Upload(token, xet)
	})
}
