package safetensors

import (
	"maps"
	"math"
)

// Info is what a header tells. As JSON it is the Hub's `safetensors` object.
type Info struct {
	Parameters map[string]int64  `json:"parameters"` // dtype → number of elements
	Total      int64             `json:"total"`      // elements of all dtypes
	Sharded    bool              `json:"sharded,omitempty"`
	Metadata   map[string]string `json:"-"` // "__metadata__"; entries past the bounds are left out
	Tensors    int               `json:"-"` // number of tensors
	HeaderSize int64             `json:"-"` // bytes of JSON; tensor data begins at 8+HeaderSize
}

// Tensor is one entry of a header. Begin and End are offsets into the data that follows the header.
type Tensor struct {
	Name       string
	DType      string
	Shape      []int64
	Begin, End int64
}

func (in *Info) count(dtype string, n int64) error {
	if _, ok := in.Parameters[dtype]; !ok && len(in.Parameters) >= maxDTypes {
		return invalid("more than %d dtypes", maxDTypes)
	}
	total, ok := addInt64(in.Total, n)
	if !ok {
		return invalid("more parameters than 2^63")
	}
	in.Total = total
	in.Parameters[dtype] += n // at most Total, so it cannot overflow
	return nil
}

// Sum adds up the files of one checkpoint. Metadata is that of the first file; Sharded is set for more than one.
func Sum(parts []*Info) (*Info, error) {
	sum := &Info{Parameters: map[string]int64{}, Sharded: len(parts) > 1}
	for i, part := range parts {
		if i == 0 {
			sum.Metadata = maps.Clone(part.Metadata)
		}
		for dtype, n := range part.Parameters {
			if err := sum.count(dtype, n); err != nil {
				return nil, err
			}
		}
		if part.Tensors > math.MaxInt-sum.Tensors {
			return nil, invalid("too many tensors")
		}
		sum.Tensors += part.Tensors
	}
	return sum, nil
}
