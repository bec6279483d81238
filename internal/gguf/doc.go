// Package gguf reads the header of a GGUF file, the single-file format of llama.cpp: its architecture, context length, chat
// template, quantisation and number of parameters.
//
// It streams over the key-value section and the tensor list and never touches tensor data. It knows no repositories,
// users, SQL or HTTP. Every count and length in the file is a claim: nothing is allocated from one.
//
// The format: "GGUF", a 32-bit version (1 to 3), the number of tensors, the number of key-value pairs, the pairs, then a
// name, shape, type and offset per tensor. Version 1 has 32-bit counts, later ones 64-bit; version 3 may be big-endian.
package gguf
