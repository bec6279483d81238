package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2id with 64 MiB and three passes, as RFC 9106 recommends where memory is short.
const (
	hashMemory = 64 << 10 // KiB
	hashPasses = 3
	hashLanes  = 1
	hashSize   = 32
	saltSize   = 16
)

type hashParams struct {
	memory, passes uint32
	lanes          uint8
}

var currentHash = hashParams{memory: hashMemory, passes: hashPasses, lanes: hashLanes}

// hashPassword checks a new password and makes its encoded hash. about are names that belong to the user.
func (s *Service) hashPassword(ctx context.Context, t turn, password string, about ...string) (string, error) {
	if err := checkNewPassword(password, about...); err != nil {
		return "", err
	}
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt)
	sum, err := s.derive(ctx, t, password, salt, currentHash)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashPasses, hashLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// checkPassword compares a password with an encoded hash. An empty or unreadable hash costs the same work and never
// matches, so that time does not tell who has an account.
func (s *Service) checkPassword(ctx context.Context, t turn, password, encoded string) (bool, error) {
	if len(password) > maxPassword {
		password, encoded = "", ""
	}
	p, salt, want, ok := decodeHash(encoded)
	if !ok {
		p, salt, want = currentHash, make([]byte, saltSize), make([]byte, hashSize)
	}
	got, err := s.derive(ctx, t, password, salt, p)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && ok, nil
}

func (s *Service) derive(ctx context.Context, t turn, password string, salt []byte, p hashParams) ([]byte, error) {
	end, err := s.turns.wait(ctx, t)
	if err != nil {
		return nil, err
	}
	defer end()
	s.hashed.Add(1)
	return argon2.IDKey([]byte(password), salt, p.passes, p.memory, p.lanes, hashSize), nil
}

// Hashes is the number of passwords that this process has hashed so far: what guessing costs the hub.
func (s *Service) Hashes() uint64 { return s.hashed.Load() }

// decodeHash reads what hashPassword wrote. Work factors are bounded, as the database may have been imported.
func decodeHash(encoded string) (p hashParams, salt, sum []byte, ok bool) {
	f := strings.Split(encoded, "$")
	if len(f) != 6 || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, false
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); n != 3 || err != nil {
		return p, nil, nil, false
	}
	if p.memory > 4*hashMemory || p.passes < 1 || p.passes > 16 || p.lanes < 1 {
		return p, nil, nil, false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(f[5])
	return p, salt, sum, err1 == nil && err2 == nil && len(sum) == hashSize
}
