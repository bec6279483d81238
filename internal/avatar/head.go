package avatar

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"

	"github.com/cairnhub/cairn/internal/errs"
)

// format is a kind of picture that is taken.
type format struct {
	name   string
	decode func(io.Reader) (image.Image, error)
	config func(io.Reader) (image.Config, error)
}

var (
	formatJPEG = &format{"JPEG", jpeg.Decode, jpeg.DecodeConfig}
	formatPNG  = &format{"PNG", png.Decode, png.DecodeConfig}
	formatGIF  = &format{"GIF", gif.Decode, gif.DecodeConfig} // Decode stops behind the first frame
	formatWebP = &format{"WebP", webp.Decode, webp.DecodeConfig}
)

// head is what a picture says of itself before it is decoded.
type head struct {
	format        *format
	width, height int
	memory        int64 // bytes that decoding takes
	orientation   int   // of EXIF; 0: none
}

// formatOf looks at the first bytes.
func formatOf(b []byte) *format {
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return formatJPEG
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return formatPNG
	case bytes.HasPrefix(b, []byte("GIF87a")), bytes.HasPrefix(b, []byte("GIF89a")):
		return formatGIF
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return formatWebP
	}
	return nil
}

func readHead(src io.ReadSeeker) (head, error) {
	var h head
	in := bufio.NewReader(src)
	first, _ := in.Peek(12)
	if h.format = formatOf(first); h.format == nil {
		return h, errs.New(errs.Invalid, "This is no picture of a kind that is taken: send a JPEG, PNG, WebP or GIF")
	}
	c, err := h.format.config(in)
	if err != nil {
		return h, errs.New(errs.Invalid, "The picture is damaged, or of a kind of %s that is not taken", h.format.name)
	}
	h.width, h.height = c.Width, c.Height
	pixels := int64(c.Width) * int64(c.Height)
	switch h.format {
	case formatGIF:
		h.memory = pixels
	case formatWebP:
		h.memory = 8 * pixels
	case formatPNG:
		h.memory, err = pngMemory(src, pixels)
	case formatJPEG:
		err = h.readJPEG(src)
	}
	return h, err
}

func (h head) check() error {
	switch {
	case h.width <= 0 || h.height <= 0:
		return errs.New(errs.Invalid, "The picture has no pixels")
	case int64(h.width)*int64(h.height) > MaxPixels:
		return errs.New(errs.Invalid, "The picture has %d x %d pixels; send one of at most %d million", h.width, h.height, MaxPixels/1_000_000)
	case h.memory+shrinking > memory:
		return errs.New(errs.Invalid, "The picture of %d x %d pixels takes too much memory to decode; send a smaller one", h.width, h.height)
	}
	return nil
}

// pngMemory: four bytes per pixel, eight at a depth of 16 bits, half as many again for the passes of interlacing.
func pngMemory(src io.ReadSeeker, pixels int64) (int64, error) {
	var b [29]byte // signature, length, IHDR, width, height, depth, colour, compression, filter, interlace
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return 0, errs.Wrap("avatar.pngMemory", err)
	}
	if _, err := io.ReadFull(src, b[:]); err != nil {
		return 0, errs.New(errs.Invalid, "The picture is damaged: it is no whole PNG")
	}
	need := 4 * pixels
	if b[24] == 16 {
		need *= 2
	}
	if b[28] != 0 {
		need += need / 2
	}
	return need, nil
}

// readJPEG walks over the segments before the picture's data: the frame header says what decoding takes, and EXIF which
// way is up.
func (h *head) readJPEG(src io.ReadSeeker) error {
	if _, err := src.Seek(2, io.SeekStart); err != nil {
		return errs.Wrap("avatar.readJPEG", err)
	}
	in := bufio.NewReader(src)
	rgb := false
	for {
		marker, body, err := segment(in)
		if err != nil {
			return errs.New(errs.Invalid, "The picture is damaged: it is no whole JPEG")
		}
		switch {
		case marker == 0xe1 && h.orientation == 0:
			h.orientation = orientationOf(body)
		case marker == 0xee && len(body) >= 12 && string(body[:5]) == "Adobe":
			rgb = body[11] == 0
		case marker >= 0xc0 && marker <= 0xc2:
			h.memory = jpegMemory(marker, body, rgb)
		case marker == 0xda, marker == 0xd9:
			if h.memory == 0 {
				return errs.New(errs.Invalid, "The picture is damaged, or of a kind of JPEG that is not taken")
			}
			return nil
		}
	}
}

// segment reads the next marker with what belongs to it.
func segment(in *bufio.Reader) (marker byte, body []byte, err error) {
	for marker == 0 || marker == 0xff { // a marker may be preceded by fill bytes
		b, err := in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		if marker == 0 && b != 0xff {
			continue // decoders skip over what is between segments
		}
		marker = b
	}
	if marker == 0xda || marker >= 0xd0 && marker <= 0xd9 {
		return marker, nil, nil
	}
	var size [2]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.BigEndian.Uint16(size[:]))
	if n < 2 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	body = make([]byte, n-2)
	_, err = io.ReadFull(in, body)
	return marker, body, err
}

// jpegMemory is a byte for each sample, four more while a progressive picture comes together, and four for each pixel
// when its colours are converted.
func jpegMemory(marker byte, frame []byte, rgb bool) int64 {
	if len(frame) < 6 || len(frame) < 6+3*int(frame[5]) {
		return 0
	}
	pixels := int64(binary.BigEndian.Uint16(frame[1:])) * int64(binary.BigEndian.Uint16(frame[3:]))
	var widest, tallest, sum int64 = 1, 1, 0
	for i := range int(frame[5]) {
		across, down := int64(frame[7+3*i]>>4), int64(frame[7+3*i]&15)
		widest, tallest, sum = max(widest, across), max(tallest, down), sum+across*down
	}
	samples := pixels * sum / (widest * tallest)
	need := samples
	if marker == 0xc2 {
		need += 4 * samples
	}
	if rgb || frame[5] == 4 || frame[6] == 'R' {
		need += 4 * pixels
	}
	return max(need, 1)
}

// orientationOf reads tag 0x0112 of the first directory of an EXIF segment.
func orientationOf(b []byte) int {
	b, ok := bytes.CutPrefix(b, []byte("Exif\x00\x00"))
	if !ok || len(b) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.BigEndian
	if string(b[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 0
	}
	entries := b[at:]
	for i := range int(order.Uint16(entries)) {
		e := entries[2:]
		if len(e) < 12*(i+1) {
			return 0
		}
		e = e[12*i:]
		if order.Uint16(e) == 0x0112 {
			return int(order.Uint16(e[8:]))
		}
	}
	return 0
}
