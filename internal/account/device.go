package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// A device on which somebody has signed in keeps a cookie that says so. Wrong passwords are counted for it by itself, so
// that a stranger who guesses from the same network cannot lock the owner out. The cookie opens nothing: whoever steals it
// gets as many guesses as from a network of their own.
const (
	deviceSecret = "device"
	deviceBytes  = 16
	deviceUsers  = 8 // how many users one device is known for; the oldest goes
)

// Remember is the value of a device's cookie after a user has signed in on it; value is the one that it had.
func (s *Service) Remember(ctx context.Context, value, userID string) (string, error) {
	key, err := s.Secret(ctx, deviceSecret)
	if err != nil {
		return "", err
	}
	id, marks, ok := readDevice(value)
	if !ok {
		b := make([]byte, deviceBytes)
		_, _ = rand.Read(b)
		id, marks = base64.RawURLEncoding.EncodeToString(b), nil
	}
	mark := deviceMark(key, id, userID)
	kept := []string{mark}
	for _, m := range marks {
		if m != mark && len(kept) < deviceUsers {
			kept = append(kept, m)
		}
	}
	return id + "." + strings.Join(kept, "."), nil
}

// readDevice takes a cookie apart; what is no cookie of ours is none.
func readDevice(value string) (id string, marks []string, ok bool) {
	size := base64.RawURLEncoding.EncodedLen(deviceBytes)
	parts := strings.Split(value, ".")
	if len(value) > (size+1)*(deviceUsers+1) || len(parts) < 2 {
		return "", nil, false
	}
	for _, p := range parts {
		if len(p) != size {
			return "", nil, false
		}
	}
	return parts[0], parts[1:], true
}

func deviceMark(key []byte, id, userID string) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "\x00" + userID))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:deviceBytes])
}

// knownDevice is the id of a device on which the user has signed in before; empty for any other.
func (s *Service) knownDevice(ctx context.Context, value, userID string) (string, error) {
	id, marks, ok := readDevice(value)
	if !ok || userID == "" {
		return "", nil
	}
	key, err := s.Secret(ctx, deviceSecret)
	if err != nil {
		return "", err
	}
	want := []byte(deviceMark(key, id, userID))
	for _, m := range marks {
		if hmac.Equal([]byte(m), want) {
			return id, nil
		}
	}
	return "", nil
}
