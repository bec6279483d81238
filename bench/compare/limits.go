package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math/rand/v2"
	"os"

	"github.com/zeebo/blake3"
)

// randomize makes bytes that nothing compresses.
func randomize(b []byte) {
	c := rand.NewChaCha8(sha256.Sum256(fmt.Append(nil, rand.Uint64())))
	_, _ = c.Read(b)
}

// renew makes the content new everywhere, at little cost: no chunk of it is as it was, so none can be found again.
func renew(b []byte) {
	for at := 0; at+8 <= len(b); at += 1 << 10 {
		binary.LittleEndian.PutUint64(b[at:], rand.Uint64())
	}
}

// hashing is a contestant that hashes on one core: SHA-256 as the standard library does it, or BLAKE3.
func hashing(who string, h hash.Hash, data []byte) contestant {
	return contestant{who, func() (float64, error) {
		secs, err := timed(func() error {
			_, err := h.Write(data)
			h.Sum(nil)
			return err
		})
		return rate(len(data), secs), err
	}}
}

func shaLimit(data []byte) contestant { return hashing("limit: SHA-256, one core", sha256.New(), data) }
func blakeLimit(data []byte) contestant {
	return hashing("limit: BLAKE3, one core", blake3.New(), data)
}

// copying is a contestant that writes the file from to the disk by dd.
func (s *session) copying(who, from string, size int, how ...string) contestant {
	if _, err := lookPath("dd", "/bin/dd"); err != nil {
		s.skip("W3", err.Error())
		return contestant{}
	}
	return contestant{who, func() (float64, error) {
		out := s.path("dd.out")
		defer os.Remove(out)
		if err := syncAll(s.dir); err != nil {
			return 0, err
		}
		secs, err := timed(func() error {
			return s.exec(s.dir, "dd", append([]string{"if=" + from, "of=" + out, "bs=4M"}, how...)...)
		})
		return rate(size, secs), err
	}}
}
