package gguf

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// writer makes GGUF headers of any version and byte order.
type writer struct {
	bytes.Buffer
	order   binary.AppendByteOrder
	version uint32
}

func (w *writer) u32(n uint32) { w.Write(w.order.AppendUint32(nil, n)) }
func (w *writer) u64(n uint64) { w.Write(w.order.AppendUint64(nil, n)) }
func (w *writer) count(n uint64) {
	if w.version == 1 {
		w.u32(uint32(n))
	} else {
		w.u64(n)
	}
}
func (w *writer) str(s string)             { w.count(uint64(len(s))); w.WriteString(s) }
func (w *writer) key(s string, typ uint32) { w.str(s); w.u32(typ) }
func (w *writer) text(key, value string)   { w.key(key, typeString); w.str(value) }
func (w *writer) num(key string, n uint32) { w.key(key, typeU32); w.u32(n) }
func (w *writer) head(tensors, pairs uint64) {
	w.WriteString("GGUF")
	w.u32(w.version)
	w.count(tensors)
	w.count(pairs)
}
func (w *writer) tokens(tokens ...string) {
	w.key("tokenizer.ggml.tokens", typeArray)
	w.u32(typeString)
	w.count(uint64(len(tokens)))
	for _, t := range tokens {
		w.str(t)
	}
}
func (w *writer) tensor(name string, typ uint32, shape ...uint64) {
	w.str(name)
	w.u32(uint32(len(shape)))
	for _, d := range shape {
		w.count(d)
	}
	w.u32(typ)
	w.u64(0)
}

func newWriter(version uint32) *writer { return &writer{order: binary.LittleEndian, version: version} }

func llama(w *writer) *writer {
	w.head(2, 11)
	w.text("general.name", "Llama 3.2 1B Instruct")
	w.num("llama.context_length", 131072)
	w.num("clip.context_length", 77)
	w.text("general.architecture", "llama")
	w.num("general.file_type", 15)
	w.num("general.quantization_version", 2)
	w.key("rope.scale", typeF32)
	w.u32(math.Float32bits(1.5))
	w.num("tokenizer.ggml.bos_token_id", 1)
	w.tokens("<unk>", "<|begin_of_text|>", "<|eot_id|>")
	w.num("tokenizer.ggml.eos_token_id", 2)
	w.text("tokenizer.chat_template", "{% for m in messages %}{{ m.content }}{% endfor %}")
	w.tensor("token_embd.weight", 12, 2048, 128256)
	w.tensor("output_norm.weight", 0, 2048)
	return w
}

func TestParse(t *testing.T) {
	be := newWriter(3)
	be.order = binary.BigEndian
	for name, w := range map[string]*writer{"v1": newWriter(1), "v2": newWriter(2), "v3": newWriter(3), "big-endian": be} {
		b := append(llama(w).Bytes(), make([]byte, 100)...)
		in, err := Parse(bytes.NewReader(b), 807694464)
		if err != nil {
			t.Fatal(name, err)
		}
		got, _ := json.Marshal(in)
		want := `{"total":262670336,"architecture":"llama","context_length":131072,` +
			`"chat_template":"{% for m in messages %}{{ m.content }}{% endfor %}",` +
			`"bos_token":"\u003c|begin_of_text|\u003e","eos_token":"\u003c|eot_id|\u003e","totalFileSize":807694464}`
		if string(got) != want {
			t.Errorf("%s: got %s", name, got)
		}
		if in.FileType != "Q4_K_M" || in.QuantVersion != 2 || in.Tensors != 2 || in.Parameters["Q4_K"] != 262668288 || in.Name == "" {
			t.Errorf("%s: got %+v", name, in)
		}
	}
}

func TestEveryCutIsAnError(t *testing.T) {
	b := llama(newWriter(3)).Bytes()
	for n := range b {
		if _, err := Parse(bytes.NewReader(b[:n]), int64(n)); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if _, err := Parse(bytes.NewReader(b[:n]), -1); !errors.Is(err, ErrFormat) {
			t.Fatalf("cut at %d, size unknown: %v", n, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	build := func(f func(w *writer)) []byte {
		w := newWriter(3)
		f(w)
		return w.Bytes()
	}
	array := func(typ uint32, n uint64) []byte {
		return build(func(w *writer) { w.head(0, 1); w.key("a", typeArray); w.u32(typ); w.u64(n) })
	}
	for name, b := range map[string][]byte{
		"magic":          []byte("GGML\x03\x00\x00\x00aaaaaaaaaaaaaaaa"),
		"version 0":      []byte("GGUF\x00\x00\x00\x00aaaaaaaaaaaaaaaa"),
		"version 9":      []byte("GGUF\x09\x00\x00\x00aaaaaaaaaaaaaaaa"),
		"tensor count":   build(func(w *writer) { w.head(1<<63, 0) }),
		"pair count":     build(func(w *writer) { w.head(0, 1<<62) }),
		"key length":     build(func(w *writer) { w.head(0, 1); w.u64(1 << 63) }),
		"string length":  build(func(w *writer) { w.head(0, 1); w.key("a", typeString); w.u64(1<<64 - 1) }),
		"array of bytes": array(typeU8, 1<<63),
		"array of u64":   array(typeU64, 1<<61),
		"array of text":  array(typeString, 1<<60),
		"array of array": array(typeArray, 1<<60),
		"array of what":  array(99, 1),
		"unknown type":   build(func(w *writer) { w.head(0, 1); w.key("a", 77) }),
		"deep array": build(func(w *writer) {
			w.head(0, 1)
			w.key("a", typeArray)
			for range 1000 {
				w.u32(typeArray)
				w.u64(1)
			}
		}),
		"rank":     build(func(w *writer) { w.head(1, 0); w.tensor("a", 0, 1, 1, 1, 1, 1, 1, 1, 1, 1) }),
		"overflow": build(func(w *writer) { w.head(1, 0); w.tensor("a", 0, 1<<32, 1<<32) }),
		"sum":      build(func(w *writer) { w.head(2, 0); w.tensor("a", 0, 1<<62); w.tensor("b", 0, 1<<62) }),
		"vocab": build(func(w *writer) {
			w.head(0, 1)
			w.key("tokenizer.ggml.tokens", typeArray)
			w.u32(typeString)
			w.u64(1 << 60)
		}),
	} {
		start := time.Now()
		if in, err := Parse(bytes.NewReader(b), -1); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: got %+v, %v", name, in, err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func TestLargeVocabularyIsReadOver(t *testing.T) {
	w := newWriter(3)
	w.head(0, 3)
	tokens := make([]string, 600_000)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("token-%d", i)
	}
	w.num("tokenizer.ggml.bos_token_id", 1)
	w.tokens(tokens...)
	w.text("general.architecture", "gemma3")
	in, err := Parse(bytes.NewReader(w.Bytes()), int64(w.Len()))
	if err != nil || in.Architecture != "gemma3" || in.BOSToken != "" {
		t.Errorf("got %+v, %v", in, err)
	}
}

func TestLongTemplateIsReadOver(t *testing.T) {
	w := newWriter(3)
	w.head(0, 2)
	w.text("tokenizer.chat_template", strings.Repeat("x", maxString+1))
	w.text("general.architecture", "qwen3")
	in, err := Parse(bytes.NewReader(w.Bytes()), -1)
	if err != nil || in.ChatTemplate != "" || in.Architecture != "qwen3" {
		t.Errorf("got %v", err)
	}
}

func TestTotalsAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWriter(uint32(rapid.IntRange(1, 3).Draw(t, "version")))
		shapes := rapid.SliceOfN(rapid.SliceOfN(rapid.Uint64Range(0, 100), 0, 4), 0, 10).Draw(t, "shapes")
		w.head(uint64(len(shapes)), 0)
		total := int64(0)
		for _, shape := range shapes {
			n := int64(1)
			for _, d := range shape {
				n *= int64(d)
			}
			total += n
			w.tensor("t", 1, shape...)
		}
		seen := 0
		in, err := Walk(bytes.NewReader(w.Bytes()), -1, func(Tensor) error { seen++; return nil })
		if err != nil || in.Total != total || seen != len(shapes) {
			t.Fatalf("got %+v, %v, want %d", in, err, total)
		}
	})
}

func FuzzParse(f *testing.F) {
	for v := uint32(1); v <= 3; v++ {
		f.Add(llama(newWriter(v)).Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := Parse(bytes.NewReader(b), -1)
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
		if err == nil && in.Total < 0 {
			t.Fatal("negative total")
		}
	})
}
