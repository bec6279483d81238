package xetstore

import (
	"context"
	"errors"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/xet"
)

// CompleteParts makes a file of the parts of an upload and gives it to the scope's repository, if these are exactly the parts
// that are here and their bytes are what sha and size say; else it is errs.Invalid and no file. partSize is the length of each
// part but the last. It waits for turns as PutXorb does. A completion that ends early leaves the parts, and what it found out, for the next; one of an upload that
// was completed finds the file there.
func (s *Store) CompleteParts(ctx context.Context, sc Scope, upload string, sent []PartTag, sha hub.SHA256, size, partSize int64) (File, error) {
	if err := sc.checkSender(); err != nil {
		return File{}, err
	}
	leave, err := s.summing.TakeWithin(ctx, upload, s.wait, errBusy())
	if err != nil {
		return File{}, err
	}
	defer leave()
	f, there, err := s.completed(ctx, sc, sha, size)
	if there && err == nil {
		err = s.dropUpload(ctx, upload)
	}
	if there || err != nil {
		return f, err
	}
	f, err = s.completeParts(ctx, sc, upload, sent, Expect{SHA256: &sha, Size: size}, partSize)
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.Conflict) { // another node may have been faster, and have taken the parts
		if f, there, err := s.completed(ctx, sc, sha, size); there || err != nil {
			return f, err
		}
	}
	if errors.Is(err, errNoXorb) { // the collector took the upload for abandoned
		err = collected()
	}
	return f, errs.Wrap("xetstore.CompleteParts", err)
}

// completed looks for the file that an upload is to make.
func (s *Store) completed(ctx context.Context, sc Scope, sha hub.SHA256, size int64) (f File, there bool, err error) {
	files, err := s.FindWhole(ctx, nil, sc.RepoID, []hub.SHA256{sha})
	f, there = files[sha]
	return f, there && f.Size == size, err
}

func (s *Store) dropUpload(ctx context.Context, upload string) error {
	return errs.Wrap("xetstore.dropUpload", s.db.Tx(ctx, func(tx *db.Tx) error { return dropUpload(ctx, tx, upload) }))
}

func dropUpload(ctx context.Context, tx *db.Tx, upload string) error {
	_, err := tx.Exec(ctx, deleteUpload, upload)
	if err == nil {
		_, err = tx.Exec(ctx, deleteUploadXorbs, upload)
	}
	return err
}

func (s *Store) completeParts(ctx context.Context, sc Scope, upload string, sent []PartTag, want Expect, partSize int64) (File, error) {
	var parts []partRow
	if err := s.db.Select(ctx, &parts, selectParts, upload, MaxParts+1); err != nil {
		return File{}, err
	}
	if err := checkParts(parts, sent, want.Size, partSize); err != nil {
		return File{}, err
	}
	if err := s.hashes.TakeWithin(ctx, s.wait, errBusy()); err != nil {
		return File{}, err
	}
	sum, err := s.sumParts(ctx, upload, parts)
	s.hashes.Give()
	if err != nil {
		return File{}, err
	}
	if err := want.check(want.Size, sum); err != nil {
		return File{}, err
	}
	return s.joinParts(ctx, sc, upload, parts, want.Size, sum)
}

func (s *Store) joinParts(ctx context.Context, sc Scope, upload string, parts []partRow, size int64, sum hub.SHA256) (File, error) {
	leave, err := s.enterUpload(ctx, sc.UserID, s.wait)
	if err != nil {
		return File{}, err
	}
	defer leave()
	in := newIngest(ctx, s, sc)
	defer in.abort()
	if err := in.join(upload, parts); err != nil {
		return File{}, err
	}
	if err := in.finishXorb(); err != nil {
		return File{}, err
	}
	if in.size != size {
		return File{}, s.damaged("parts of an upload", xet.ErrCorrupt)
	}
	f := File{RepoID: sc.RepoID, Hash: in.tree.FileHash(), Size: size, SHA256: sum}
	reg := in.registration(f)
	return f, s.record(ctx, sc.RepoID, reg, func(tx *db.Tx) error { return dropUpload(ctx, tx, upload) })
}

// checkParts compares the parts that are here with those that the client says it sent, and with the file's size.
func checkParts(have []partRow, sent []PartTag, size, partSize int64) error {
	n := int((size + partSize - 1) / partSize)
	if len(sent) != n {
		return errs.New(errs.Invalid, "The object has %d parts, of which %d are named", n, len(sent))
	}
	if len(have) != n {
		return errs.New(errs.Invalid, "The object has %d parts, of which %d have arrived", n, len(have))
	}
	tags := make(map[int]string, n)
	for _, p := range sent {
		if _, again := tags[p.Number]; again {
			return errs.New(errs.Invalid, "Part %d is named twice", p.Number)
		}
		tags[p.Number] = strings.Trim(strings.TrimPrefix(p.Tag, "W/"), `"`)
	}
	for i, p := range have {
		length := min(partSize, size-int64(i)*partSize)
		switch tag, ok := tags[i+1]; {
		case !ok || p.Number != i+1:
			return errs.New(errs.Invalid, "Part %d is missing", i+1)
		case p.Size != length:
			return errs.New(errs.Invalid, "Part %d has %d bytes instead of %d", i+1, p.Size, length)
		case tag != xet.Hash(p.Tag).String():
			return errs.New(errs.Invalid, "Part %d is not the one whose ETag is named: it was sent again, or another part's ETag was given", i+1)
		}
	}
	return nil
}
