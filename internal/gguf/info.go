package gguf

// Info is what a header tells. As JSON it is the Hub's `gguf` object.
type Info struct {
	Total               int64  `json:"total"` // parameters: elements of all tensors
	Architecture        string `json:"architecture,omitempty"`
	ContextLength       int64  `json:"context_length,omitempty"`
	QuantizeImatrixFile string `json:"quantize_imatrix_file,omitempty"`
	ChatTemplate        string `json:"chat_template,omitempty"`
	BOSToken            string `json:"bos_token,omitempty"`
	EOSToken            string `json:"eos_token,omitempty"`
	TotalFileSize       int64  `json:"totalFileSize,omitempty"`

	Name         string           `json:"-"` // general.name
	FileType     string           `json:"-"` // the quantisation as people name it: Q4_K_M, F16
	QuantVersion int64            `json:"-"` // general.quantization_version
	Version      int              `json:"-"` // of the format
	Tensors      int              `json:"-"`
	Parameters   map[string]int64 `json:"-"` // tensor type → elements
}

// Tensor is one entry of the tensor list. Offset counts from the start of the tensor data.
type Tensor struct {
	Name   string
	Type   string
	Shape  []uint64 // innermost dimension first
	Offset uint64
}
