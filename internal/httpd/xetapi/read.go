package xetapi

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/httpd"
	"github.com/cairnhub/cairn/internal/xet"
	"github.com/cairnhub/cairn/internal/xetstore"
)

type indexRange struct {
	Start uint64 `json:"start"`
	End   uint64 `json:"end"`
}

type termJSON struct {
	Hash           string     `json:"hash"`
	UnpackedLength uint32     `json:"unpacked_length"`
	Range          indexRange `json:"range"`
}

type reconstruction struct {
	Offset uint64     `json:"offset_into_first_range"`
	Terms  []termJSON `json:"terms"`
}

type fetchV1 struct {
	Range    indexRange `json:"range"`
	URL      string     `json:"url"`
	URLRange indexRange `json:"url_range"`
}

type fetchV2 struct {
	URL    string    `json:"url"`
	Ranges []rangeV2 `json:"ranges"`
}

type rangeV2 struct {
	Chunks indexRange `json:"chunks"`
	Bytes  indexRange `json:"bytes"`
}

func (a *API) reconstructionV1(w http.ResponseWriter, r *http.Request) error {
	plan, err := a.plan(r)
	if err != nil {
		return err
	}
	info := make(map[string][]fetchV1, len(plan.Xorbs))
	err = a.eachRange(r, plan, func(xorb, url string, chunks, bytes indexRange) {
		info[xorb] = append(info[xorb], fetchV1{chunks, url, bytes})
	})
	if err != nil {
		return err
	}
	return answer(w, r, struct {
		reconstruction
		FetchInfo map[string][]fetchV1 `json:"fetch_info"`
	}{render(plan), info})
}

// reconstructionV2 gives every range an address of its own, which is what every client can take.
func (a *API) reconstructionV2(w http.ResponseWriter, r *http.Request) error {
	plan, err := a.plan(r)
	if err != nil {
		return err
	}
	xorbs := make(map[string][]fetchV2, len(plan.Xorbs))
	err = a.eachRange(r, plan, func(xorb, url string, chunks, bytes indexRange) {
		xorbs[xorb] = append(xorbs[xorb], fetchV2{url, []rangeV2{{chunks, bytes}}})
	})
	if err != nil {
		return err
	}
	return answer(w, r, struct {
		reconstruction
		Xorbs map[string][]fetchV2 `json:"xorbs"`
	}{render(plan), xorbs})
}

func answer(w http.ResponseWriter, r *http.Request, v any) error {
	w.Header().Set("Cache-Control", "no-store") // it holds addresses that run out
	return httpd.JSON(w, r, http.StatusOK, v)
}

// plan works out the range of the file that is asked for.
func (a *API) plan(r *http.Request) (*xet.Reconstruction, error) {
	scope, err := a.admit(r, reads)
	if err != nil {
		return nil, err
	}
	hash, err := pathHash(r)
	if err != nil {
		return nil, err
	}
	f, found, err := a.Store.ByHash(r.Context(), nil, scope.RepoID, hash)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, errs.New(errs.NotFound, "File not found")
	}
	switch lost, err := a.Store.IsLost(r.Context(), f); {
	case err != nil:
		return nil, err
	case lost:
		return nil, xetstore.ErrLost("the file")
	}
	from, to, err := xet.ParseByteRange(r.Header.Get("Range"), uint64(f.Size))
	switch {
	case errors.Is(err, xet.ErrRange):
		return nil, errs.New(errs.RangeUnsatisfiable, "The range begins beyond the end of the file")
	case err != nil:
		return nil, errs.New(errs.Invalid, "The Range header must name one range of bytes")
	}
	return a.Store.Reconstruct(r.Context(), f, from, to)
}

func render(plan *xet.Reconstruction) reconstruction {
	out := reconstruction{Offset: plan.OffsetIntoFirst, Terms: make([]termJSON, len(plan.Terms))}
	for i, t := range plan.Terms {
		out.Terms[i] = termJSON{t.Xorb.String(), t.UnpackedBytes, indexRange{uint64(t.Start), uint64(t.End)}}
	}
	return out
}

// eachRange calls f for every range to fetch. Chunk ranges end exclusively, byte ranges inclusively.
func (a *API) eachRange(r *http.Request, plan *xet.Reconstruction, f func(xorb, url string, chunks, bytes indexRange)) error {
	address, err := a.addresses(r, plan)
	if err != nil {
		return err
	}
	for _, x := range plan.Xorbs {
		name := x.Xorb.String()
		for _, g := range x.Ranges {
			url, err := address(x.Xorb, g.ByteStart, g.ByteEndInclusive)
			if err != nil {
				return err
			}
			f(name, url, indexRange{uint64(g.ChunkStart), uint64(g.ChunkEnd)}, indexRange{g.ByteStart, g.ByteEndInclusive})
		}
	}
	return nil
}

// addresses returns what makes the address of bytes of a xorb, both ends included: one of this hub or, if it is set so, one
// of the store.
func (a *API) addresses(r *http.Request, plan *xet.Reconstruction) (func(xorb xet.Hash, start, end uint64) (string, error), error) {
	origin, t := httpd.Of(r).Origin, a.ticket(r)
	here := func(xorb xet.Hash, start, end uint64) (string, error) {
		return a.dataURL(origin, xorb, start, end, t), nil
	}
	if !a.Direct {
		return here, nil
	}
	from, ttl := a.window(a.Now())
	direct, err := a.Store.Direct(r.Context(), plan, from, ttl)
	if direct == nil || err != nil {
		return here, err
	}
	return func(xorb xet.Hash, start, end uint64) (string, error) {
		url, err := direct.URL(r.Context(), xorb, int64(start), int64(end-start)+1)
		if url == "" && err == nil {
			return here(xorb, start, end)
		}
		return url, err
	}, nil
}

func (a *API) fileHead(w http.ResponseWriter, r *http.Request) error {
	scope, err := a.admit(r, reads)
	if err != nil {
		return err
	}
	hash, err := pathHash(r)
	if err != nil {
		return err
	}
	f, found, err := a.Store.ByHash(r.Context(), nil, scope.RepoID, hash)
	if err != nil {
		return err
	}
	if !found {
		return errs.New(errs.NotFound, "File not found")
	}
	w.Header().Set("Content-Length", strconv.FormatInt(f.Size, 10))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (a *API) chunkDedup(w http.ResponseWriter, r *http.Request) error {
	scope, err := a.admit(r, asks)
	if err != nil {
		return err
	}
	hash, err := pathHash(r)
	if err != nil {
		return err
	}
	shard, found, err := a.Store.Dedup(r.Context(), scope, hash)
	if err != nil {
		return err
	}
	if !found {
		return errs.New(errs.NotFound, "Chunk not found")
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.Itoa(len(shard)))
	h.Set("Cache-Control", "no-store")
	_, err = w.Write(shard)
	return err
}
