package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func parse(b []byte) (*Info, error) { return Parse(bytes.NewReader(b), int64(len(b))) }

func TestParse(t *testing.T) {
	const h = `{"__metadata__":{"format":"pt"},
		"bert.embeddings.word_embeddings.weight":{"dtype":"F32","shape":[4,8],"data_offsets":[0,128]},
		"bert.embeddings.position_ids":{"dtype":"I64","shape":[1,3],"data_offsets":[128,152]},
		"scale":{"dtype":"BF16","shape":[],"data_offsets":[152,154]}}   `
	in, err := parse(file(h, 154))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(in)
	if want := `{"parameters":{"BF16":1,"F32":32,"I64":3},"total":36}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if in.Metadata["format"] != "pt" || in.Tensors != 3 || in.HeaderSize != int64(len(h)) {
		t.Errorf("got %+v", in)
	}
}

func TestParseRefuses(t *testing.T) {
	one := `"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}`
	for name, b := range map[string][]byte{
		"empty":           nil,
		"short length":    {1, 2, 3},
		"length 2^63":     {0, 0, 0, 0, 0, 0, 0, 0x80, '{', '}'},
		"length 2^64-1":   {255, 255, 255, 255, 255, 255, 255, 255, '{', '}'},
		"length past end": {100, 0, 0, 0, 0, 0, 0, 0, '{', '}'},
		"no object":       file(`[]`, 0),
		"cut off":         file(`{"a":{"dtype":"F32"`, 0),
		"two values":      file(`{}{}`, 0),
		"not JSON":        file(`{"a":nope}`, 0),
		"duplicate":       file(`{`+one+`,`+strings.Replace(one, "0,4", "4,8", 1)+`}`, 8),
		"overlap":         file(`{`+one+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, 6),
		"gap":             file(`{`+one+`,"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12),
		"past the end":    file(`{`+one+`}`, 3),
		"trailing data":   file(`{`+one+`}`, 5),
		"wrong size":      file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 4),
		"reversed":        file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4),
		"negative":        file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4),
		"fraction":        file(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4),
		"overflow":        file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0),
		"overflow bytes":  file(`{"a":{"dtype":"F64","shape":[4611686018427387904],"data_offsets":[0,0]}}`, 0),
		"huge number":     file(`{"a":{"dtype":"F32","shape":[`+strings.Repeat("9", 100)+`],"data_offsets":[0,0]}}`, 0),
		"dtype":           file(`{"a":{"dtype":"<b>","shape":[1],"data_offsets":[0,4]}}`, 4),
		"no dtype":        file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4),
		"deep":            file(`{"a":`+strings.Repeat("[", 100_000)+`}`, 0),
		"deep metadata":   file(`{"__metadata__":{"x":`+strings.Repeat(`{"y":`, 1000)+`}`, 0),
		"rank":            file(`{"a":{"dtype":"F32","shape":[`+strings.Repeat("1,", 40)+`1],"data_offsets":[0,4]}}`, 4),
		"long name":       file(`{"`+strings.Repeat("n", 5000)+`":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
		"half a byte":     file(`{"a":{"dtype":"F4","shape":[1],"data_offsets":[0,1]}}`, 1),
	} {
		if in, err := parse(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %+v, %v", name, in, err)
		}
	}
}

func TestParseUnknownSizeAndDType(t *testing.T) {
	b := file(`{"a":{"dtype":"F5_NEW","shape":[7],"data_offsets":[0,5]},"z":{"dtype":"F32","shape":[0,9],"data_offsets":[5,5]}}`, 0)
	in, err := Parse(bytes.NewReader(b), -1)
	if err != nil || in.Total != 7 || in.Parameters["F5_NEW"] != 7 {
		t.Fatalf("got %+v, %v", in, err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestReadErrorIsNotAFormatError(t *testing.T) {
	b := file(`{"a":1}`, 0)
	_, err := Parse(io.MultiReader(bytes.NewReader(b[:10]), failing{}), int64(len(b)))
	if err == nil || errors.Is(err, ErrFormat) {
		t.Errorf("got %v", err)
	}
}

// A header that is as large as the bounds allow must not cost many times its size.
func TestMemory(t *testing.T) {
	var sb strings.Builder
	sb.WriteString("{")
	for i := range MaxTensors {
		fmt.Fprintf(&sb, `"t%d":{"dtype":"U8","shape":[1],"data_offsets":[%d,%d]},`, i, i, i+1)
	}
	big := []string{
		strings.TrimSuffix(sb.String(), ",") + "}",
		`{"__metadata__":{"x":"` + strings.Repeat("y", MaxHeader-30) + `"}}`,
		strings.Repeat(" ", MaxHeader-2) + "{}",
	}
	for i, h := range big {
		b := file(h, 0)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := Parse(bytes.NewReader(b), -1)
		runtime.ReadMemStats(&after)
		if i == 0 && err != nil {
			t.Error(err)
		}
		if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 64<<20 {
			t.Errorf("case %d: the heap grew by %d bytes", i, grown)
		}
	}
}

func TestCountsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct {
			DType   string   `json:"dtype"`
			Shape   []int64  `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}
		header, end, total := map[string]entry{}, int64(0), int64(0)
		for i := range rapid.IntRange(0, 20).Draw(t, "tensors") {
			dtype := rapid.SampledFrom([]string{"F32", "BF16", "U8", "I64"}).Draw(t, "dtype")
			shape := rapid.SliceOfN(rapid.Int64Range(0, 5), 0, 4).Draw(t, "shape")
			n := int64(1)
			for _, d := range shape {
				n *= d
			}
			size := n * dtypeBits[dtype] / 8
			header[fmt.Sprint("t", i)] = entry{dtype, append([]int64{}, shape...), [2]int64{end, end + size}}
			end, total = end+size, total+n
		}
		text, _ := json.Marshal(header)
		in, err := parse(file(string(text), int(end)))
		if err != nil || in.Total != total || in.Tensors != len(header) {
			t.Fatalf("got %+v, %v for %s", in, err, text)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"k":"v"}}`, 4))
	f.Add(file(`{}`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := parse(b)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
		if err == nil && in.Total < 0 {
			t.Fatal("negative total")
		}
		_, _ = Parse(bytes.NewReader(b), -1)
	})
}
