package safetensors

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestParseIndex(t *testing.T) {
	x, err := ParseIndex(strings.NewReader(`{
	  "metadata": {"total_size": 14483464192, "by": {"a": [1]}},
	  "weight_map": {
	    "lm_head.weight": "model-00002-of-00002.safetensors",
	    "model.embed_tokens.weight": "model-00001-of-00002.safetensors",
	    "model.norm.weight": "model-00002-of-00002.safetensors"
	  }}`))
	if err != nil {
		t.Fatal(err)
	}
	if x.TotalSize != 14483464192 || len(x.WeightMap) != 3 ||
		strings.Join(x.Files, " ") != "model-00001-of-00002.safetensors model-00002-of-00002.safetensors" {
		t.Errorf("got %+v", x)
	}
}

func TestParseIndexRefuses(t *testing.T) {
	for _, s := range []string{
		``, `{}`, `[]`, `{"weight_map":[]}`, `{"weight_map":{"a":1}}`, `{"weight_map":{"a":"../../etc/passwd"}}`,
		`{"weight_map":{"a":"/etc/passwd"}}`, `{"weight_map":{"a":"x//y"}}`, `{"weight_map":{"a":"x\\y"}}`,
		`{"weight_map":{"a":"b"}} trailing`, `{"x":` + strings.Repeat(`[`, 1e6),
		strings.Repeat(" ", MaxHeader+10) + `{"weight_map":{}}`,
	} {
		if x, err := ParseIndex(strings.NewReader(s)); !errors.Is(err, ErrFormat) {
			t.Errorf("%.60q: got %v, %v", s, x, err)
		}
	}
}

func TestSum(t *testing.T) {
	a := &Info{Parameters: map[string]int64{"BF16": 10, "F32": 1}, Total: 11, Tensors: 2, Metadata: map[string]string{"format": "pt"}}
	b := &Info{Parameters: map[string]int64{"BF16": 5}, Total: 5, Tensors: 1}
	sum, err := Sum([]*Info{a, b})
	if err != nil || sum.Total != 16 || sum.Parameters["BF16"] != 15 || !sum.Sharded || sum.Tensors != 3 || sum.Metadata["format"] != "pt" {
		t.Errorf("got %+v, %v", sum, err)
	}
	big := &Info{Parameters: map[string]int64{"U8": math.MaxInt64}, Total: math.MaxInt64}
	if _, err := Sum([]*Info{a, big}); err == nil {
		t.Error("overflow passed")
	}
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1e9},"weight_map":{"a":"b.safetensors"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := ParseIndex(bytes.NewReader(b)); err == nil && (x.TotalSize < 0 || len(x.Files) > len(x.WeightMap)) {
			t.Fatalf("%+v", x)
		}
	})
}
