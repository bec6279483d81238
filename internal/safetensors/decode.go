package safetensors

import (
	"encoding/json"
	"io"
	"strconv"
)

// decoder walks JSON token by token, so that nothing but the current token is held.
type decoder struct{ *json.Decoder }

func newDecoder(r io.Reader) *decoder {
	d := json.NewDecoder(&guard{r: r})
	d.UseNumber()
	return &decoder{d}
}

func (d *decoder) delim(want json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != want {
		return invalid("expected %q, found %.32q", want.String(), tokenText(t))
	}
	return nil
}

func tokenText(t json.Token) string {
	switch v := t.(type) {
	case json.Delim:
		return v.String()
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return "another value"
}

// object reads an object and calls member with each key; member must consume the value.
func (d *decoder) object(member func(key string) error) error {
	if err := d.delim('{'); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return invalid("a key is not a string")
		}
		if err := member(key); err != nil {
			return err
		}
	}
	return d.delim('}')
}

// end checks that nothing but white space follows.
func (d *decoder) end() error {
	if _, err := d.Token(); err != io.EOF {
		if err != nil {
			return err
		}
		return invalid("something follows the JSON")
	}
	return nil
}

// skip reads over one value of any kind.
func (d *decoder) skip() error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		if c, ok := t.(json.Delim); ok {
			if c == '{' || c == '[' {
				depth++
			} else {
				depth--
			}
		}
		if depth == 0 {
			return nil
		}
	}
}

// stringOrSkip reads a string, or reads over a value of another kind.
func (d *decoder) stringOrSkip() (s string, ok bool, err error) {
	t, err := d.Token()
	if err != nil {
		return "", false, err
	}
	switch v := t.(type) {
	case string:
		return v, true, nil
	case json.Delim:
		return "", false, d.skipRest()
	}
	return "", false, nil
}

// skipRest reads to the end of the container that was just opened.
func (d *decoder) skipRest() error {
	for d.More() {
		if err := d.skip(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// ints reads an array of at most limit whole numbers.
func (d *decoder) ints(limit int) ([]int64, error) {
	if err := d.delim('['); err != nil {
		return nil, err
	}
	var out []int64
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		num, ok := t.(json.Number)
		if !ok || len(out) >= limit {
			return nil, invalid("expected at most %d whole numbers", limit)
		}
		n, err := strconv.ParseInt(num.String(), 10, 64)
		if err != nil {
			return nil, invalid("%.32q is not a whole number below 2^63", num.String())
		}
		out = append(out, n)
	}
	return out, d.delim(']')
}

// tensor reads the value of one header entry.
func (d *decoder) tensor(name string) (Tensor, error) {
	t := Tensor{Name: name}
	var seen [3]bool
	err := d.object(func(key string) (err error) {
		switch key {
		case "dtype":
			seen[0] = true
			t.DType, _, err = d.stringOrSkip()
		case "shape":
			seen[1] = true
			t.Shape, err = d.ints(maxRank)
		case "data_offsets":
			seen[2] = true
			err = d.offsets(&t)
		default:
			err = d.skip()
		}
		return err
	})
	if err == nil && seen != [3]bool{true, true, true} {
		err = invalid("tensor %.64q lacks its dtype, shape or data_offsets", name)
	}
	return t, err
}

func (d *decoder) offsets(t *Tensor) error {
	pair, err := d.ints(2)
	if err != nil {
		return err
	}
	if len(pair) != 2 {
		return invalid("tensor %.64q lacks an offset", t.Name)
	}
	t.Begin, t.End = pair[0], pair[1]
	return nil
}
