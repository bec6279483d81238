package rot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/cairnhub/cairn/internal/testhub"
	"github.com/cairnhub/cairn/internal/xet"
)

// answer is what came through a door.
type answer struct {
	body  []byte
	whole bool // all of it came, with a status that says so
	from  int  // which part of the content it is
	n     int  // how many bytes; negative: to the end
}

// door is a way to get a content. An error is a refusal.
type door struct {
	name string
	want string // the right answer; empty: the content of who is asked for
	open func(r *run, c testhub.Caller) (answer, error)
}

var errRefused = errors.New("refused")

// get asks for an address. The body may be cut short.
func (r *run) get(c testhub.Caller, address string, headers ...string) (a answer, err error) {
	if !strings.HasPrefix(address, "http") {
		address = r.h.URL + address
	}
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return a, err
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, errors.Join(errRefused, err) // the connection was cut before anything came
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return a, fmt.Errorf("%w: %d", errRefused, res.StatusCode)
	}
	a.body, err = io.ReadAll(res.Body)
	a.whole, a.n = err == nil, -1
	return a, nil
}

func plain(name, path string) door {
	return door{name: name, open: func(r *run, c testhub.Caller) (answer, error) { return r.get(c, path) }}
}

func part(name, path string, from, n int) door {
	return door{name: name, open: func(r *run, c testhub.Caller) (answer, error) {
		a, err := r.get(c, path, "Range", fmt.Sprintf("bytes=%d-%d", from, from+n-1))
		a.from, a.n = from, n
		return a, err
	}}
}

// largeDoors are the ways to a large file of a dataset.
func largeDoors(id, path, sha string) []door {
	resolve := "/datasets/" + id + "/resolve/main/" + path
	return []door{
		plain("resolve", resolve), part("resolve, a range", resolve, 70_000, 30_000), part("resolve, its first bytes", resolve, 0, 100),
		{name: "lfs", open: func(r *run, c testhub.Caller) (answer, error) { return r.byLFS(c, id, sha) }},
		{name: "xet", open: func(r *run, c testhub.Caller) (answer, error) { return r.byXet(c, id, resolve) }},
	}
}

// smallDoors are the ways to a file in git.
func smallDoors(id, path string) []door {
	return []door{plain("resolve", "/"+id+"/resolve/main/"+path), plain("raw", "/"+id+"/raw/main/"+path), part("resolve, a range", "/"+id+"/resolve/main/"+path, 1000, 3000)}
}

// byLFS downloads as git-lfs does.
func (r *run) byLFS(c testhub.Caller, id, sha string) (answer, error) {
	a := r.h.Do(c, http.MethodPost, "/datasets/"+id+".git/info/lfs/objects/batch",
		map[string]any{"operation": "download", "objects": []any{map[string]any{"oid": sha, "size": 150_000}}})
	var out struct {
		Objects []struct {
			Actions map[string]struct{ Href string }
		}
	}
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &out) != nil || len(out.Objects) != 1 || out.Objects[0].Actions["download"].Href == "" {
		return answer{}, fmt.Errorf("%w: %d %s", errRefused, a.Status, a.Body)
	}
	return r.get(testhub.Caller{}, out.Objects[0].Actions["download"].Href)
}

// byXet downloads as Xet clients do: chunks of xorbs, decoded here.
func (r *run) byXet(c testhub.Caller, id, resolve string) (answer, error) {
	head := r.h.Do(c, http.MethodHead, resolve, nil)
	var token struct{ CasURL, AccessToken string }
	a := r.h.Do(c, http.MethodGet, "/api/datasets/"+id+"/xet-read-token/main", nil)
	if a.Status != http.StatusOK || json.Unmarshal(a.Body, &token) != nil {
		return answer{}, fmt.Errorf("%w: %d %s", errRefused, a.Status, a.Body)
	}
	plan, err := r.get(testhub.Caller{Token: token.AccessToken}, token.CasURL+"/v1/reconstructions/"+head.Header.Get("X-Xet-Hash"))
	if err != nil {
		return answer{}, err
	}
	var out struct {
		Terms []struct {
			Hash           string
			UnpackedLength int `json:"unpacked_length"`
			Range          struct{ Start, End int }
		}
		FetchInfo map[string][]struct {
			Range    struct{ Start, End int }
			URL      string
			URLRange struct{ Start, End int } `json:"url_range"`
		} `json:"fetch_info"`
	}
	if err := json.Unmarshal(plan.body, &out); err != nil {
		return answer{}, err
	}
	whole := answer{whole: true, n: -1}
	for _, term := range out.Terms {
		for _, f := range out.FetchInfo[term.Hash] {
			if f.Range.Start > term.Range.Start || f.Range.End < term.Range.End {
				continue
			}
			stored, err := r.get(testhub.Caller{}, f.URL, "Range", fmt.Sprintf("bytes=%d-%d", f.URLRange.Start, f.URLRange.End))
			if err != nil {
				return answer{}, err
			}
			whole.whole = whole.whole && stored.whole
			var raw []byte
			for b, i := stored.body, f.Range.Start; len(b) > 0; i++ {
				chunk, n, err := xet.DecodeChunk(nil, b)
				if err != nil {
					break // cut short
				}
				if i >= term.Range.Start && i < term.Range.End {
					raw = append(raw, chunk...)
				}
				b = b[n:]
			}
			whole.body = append(whole.body, raw...)
			break
		}
		if !whole.whole {
			break
		}
	}
	return whole, nil
}

// ask asks every door for every victim.
func (r *run) ask(spoiled bool) {
	r.t.Helper()
	for _, v := range r.victims {
		r.ask1(v, spoiled)
	}
}

// ask1 asks every door for one. While it is spoiled, an answer may be refused or cut short, but what comes is right; and
// then all of it must come.
func (r *run) ask1(v *victim, spoiled bool) {
	r.t.Helper()
	for _, d := range v.doors {
		a, err := d.open(r, r.alice)
		if err != nil && !errors.Is(err, errRefused) {
			r.t.Fatalf("%s of %s: %v", d.name, v.place, err)
		}
		right := v.want
		if d.want != "" {
			right = d.want
		}
		want := []byte(right)[a.from:]
		if a.n >= 0 && a.n < len(want) {
			want = want[:a.n]
		}
		switch {
		case err != nil:
			r.refused++
		case a.whole && bytes.Equal(a.body, want):
			r.right++
			continue
		case !a.whole && bytes.HasPrefix(want, a.body):
			r.cut++
		default:
			r.wrong++
			r.t.Errorf("%s of %s (%s %s): wrong bytes, %d of %d", d.name, v.place, v.kind, v.key, len(a.body), len(want))
			continue
		}
		if !spoiled {
			r.t.Errorf("%s of %s (%s): not whole after the repair: %v", d.name, v.place, v.kind, err)
		}
	}
}
