package gitserve

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/gitstore"
)

// bandPackets is how many packets are sent at once.
const bandPackets = 4

// sendClone answers a request for everything with a pack that is kept, or made while it is read.
func sendClone(ctx context.Context, v2 bool, r *gitstore.CloneReader, c Conn) error {
	out := git.NewBandBuffer(bandPackets)
	begun := false
	for {
		err := fillBands(ctx, out, r)
		if !begun && err != nil && !errors.Is(err, io.EOF) {
			return err // nothing was said yet: the door tells it
		}
		if !begun {
			begun = true
			head := "NAK\n"
			if v2 {
				head = "packfile\n"
			}
			if _, err := c.Write(git.AppendPkt(nil, head)); err != nil {
				return err
			}
		}
		if _, e := c.Write(out.Bytes()); e != nil {
			return e
		}
		switch {
		case errors.Is(err, io.EOF):
			_, err := c.Write(git.AppendFlush(nil))
			return err
		case err != nil:
			_, _ = c.Write(git.AppendBand(nil, git.BandError, fmt.Appendf(nil, "error: %s\n", Message(err))))
			return err
		case out.Empty():
			_, err = c.Write(git.AppendPkt(nil, string(rune(git.BandData))))
			if err != nil {
				return err
			}
			c.Flush()
		}
	}
}

// fillBands waits for bytes of the pack and then takes what is there without waiting for more.
func fillBands(ctx context.Context, out *git.BandBuffer, r *gitstore.CloneReader) error {
	out.Reset()
	patience := keepAliveEvery
	for room := out.Next(); room != nil; room = out.Next() {
		n, err := r.Read(ctx, room, patience)
		out.Used(n)
		if err != nil || n < len(room) {
			return err
		}
		patience = 0
	}
	return nil
}
