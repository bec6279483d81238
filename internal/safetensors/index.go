package safetensors

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
)

// Index is a model.safetensors.index.json: which file of a sharded checkpoint holds which tensor.
type Index struct {
	WeightMap map[string]string // tensor → file
	Files     []string          // the distinct files, sorted
	TotalSize int64             // metadata.total_size, 0 when absent
}

// ParseIndex reads an index of at most MaxHeader bytes. File names are relative paths without "..", relative to the
// folder of the index.
func ParseIndex(r io.Reader) (*Index, error) {
	limited := &io.LimitedReader{R: r, N: MaxHeader + 1}
	x := &indexReader{dec: newDecoder(limited), files: map[string]string{}}
	x.index.WeightMap = map[string]string{}
	if err := x.read(); err != nil {
		if limited.N == 0 {
			return nil, invalid("the index is larger than %d bytes", MaxHeader)
		}
		return nil, asFormat(err)
	}
	if !x.found {
		return nil, invalid("the index lacks its weight_map")
	}
	for name := range x.files {
		x.index.Files = append(x.index.Files, name)
	}
	slices.Sort(x.index.Files)
	return &x.index, nil
}

type indexReader struct {
	dec   *decoder
	index Index
	files map[string]string // one copy of each file's name
	found bool
}

func (x *indexReader) read() error {
	err := x.dec.object(func(key string) error {
		switch key {
		case "weight_map":
			x.found = true
			return x.dec.object(x.weight)
		case "metadata":
			return x.dec.object(x.metadata)
		}
		return x.dec.skip()
	})
	if err != nil {
		return err
	}
	return x.dec.end()
}

func (x *indexReader) weight(tensor string) error {
	file, ok, err := x.dec.stringOrSkip()
	if err != nil {
		return err
	}
	if !ok || len(tensor) > maxName || !validFile(file) {
		return invalid("the index names %.64q for a file", file)
	}
	if _, known := x.files[file]; !known {
		if len(x.files) >= MaxFiles {
			return invalid("the index names more than %d files", MaxFiles)
		}
		x.files[file] = file
	}
	if len(x.index.WeightMap) >= MaxTensors {
		return invalid("the index names more than %d tensors", MaxTensors)
	}
	x.index.WeightMap[tensor] = x.files[file]
	return nil
}

func (x *indexReader) metadata(key string) error {
	if key != "total_size" {
		return x.dec.skip()
	}
	t, err := x.dec.Token()
	if err != nil {
		return err
	}
	switch v := t.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && f >= 0 && f < 1<<62 {
			x.index.TotalSize = int64(f) // some writers state it as a float
		}
	case json.Delim:
		return x.dec.skipRest()
	}
	return nil
}

func validFile(name string) bool {
	if name == "" || len(name) > 1024 || name[0] == '/' || strings.ContainsAny(name, "\\\x00") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
