package safetensors

import "math"

// dtypeBits are the widths of the format's element types. A type that is not here is counted but its bytes are not
// checked: the format gains types faster than hubs are upgraded.
var dtypeBits = map[string]int64{
	"BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
	"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
	"F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64,
}

func validDType(s string) bool {
	if s == "" || len(s) > 16 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}

// elements is the product of a shape, or false on a negative dimension or overflow.
func elements(shape []int64) (int64, bool) {
	n, zero := int64(1), false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			zero = true
		case n > math.MaxInt64/d:
			return 0, false
		default:
			n *= d
		}
	}
	if zero {
		return 0, true
	}
	return n, true
}

// byteLen is the size of n elements of a dtype; known is false for a type of unknown width.
func byteLen(dtype string, n int64) (size int64, known, ok bool) {
	bits, known := dtypeBits[dtype]
	if !known {
		return 0, false, true
	}
	if n > math.MaxInt64/bits {
		return 0, true, false
	}
	if total := n * bits; total%8 == 0 {
		return total / 8, true, true
	}
	return 0, true, false
}

func addInt64(a, b int64) (int64, bool) {
	if b > math.MaxInt64-a {
		return 0, false
	}
	return a + b, true
}
