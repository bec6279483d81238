package mail

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"time"

	"github.com/cairnhub/cairn/internal/errs"
)

// sealed is a message as it waits in the queue. Its text may hold the code of a link, which is kept nowhere else but as a
// hash: a copy of the queue, a backup or the write-ahead log must not give it away.
type sealed struct {
	To      string
	Subject string
	Text    []byte // AES-256-GCM, the nonce first
	Until   time.Time
}

// Seal sets the key, 32 bytes, the same on every node. Without it an outbox has one of its own, which ends with it.
func (b *Outbox) Seal(key []byte) error {
	block, err := aes.NewCipher(key)
	if err != nil {
		return errs.Wrap("mail.Seal", err)
	}
	b.aead, err = cipher.NewGCM(block)
	return errs.Wrap("mail.Seal", err)
}

func (b *Outbox) seal(m Message) sealed {
	nonce := make([]byte, b.aead.NonceSize())
	_, _ = rand.Read(nonce)
	return sealed{To: m.To, Subject: m.Subject, Until: m.Until, Text: b.aead.Seal(nonce, nonce, []byte(m.Text), []byte(m.To))}
}

// open reads a message again; a text that was moved to another receiver does not open.
func (b *Outbox) open(s sealed) (Message, error) {
	n := b.aead.NonceSize()
	if len(s.Text) < n {
		return Message{}, errors.New("mail: a message without a text waits in the queue")
	}
	text, err := b.aead.Open(nil, s.Text[:n], s.Text[n:], []byte(s.To))
	return Message{To: s.To, Subject: s.Subject, Until: s.Until, Text: string(text)}, err
}
