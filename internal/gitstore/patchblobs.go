package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/git"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/patch"
)

// File is the change as patches know it.
func (c *Change) File() patch.File {
	return patch.File{OldPath: c.Path, Path: c.Path, OldMode: c.OldMode, NewMode: c.NewMode, OldOID: c.OldOID, NewOID: c.NewOID}
}

// PatchBlobs reads the repository's blobs for package patch.
func (r *Repo) PatchBlobs(ctx context.Context) patch.Blobs { return patchBlobs{r, ctx} }

type patchBlobs struct {
	r   *Repo
	ctx context.Context // of the one request that compares
}

func (b patchBlobs) Size(oid hub.OID) (int64, error) {
	info, err := b.r.BlobInfo(b.ctx, oid)
	return info.Size, err
}

func (b patchBlobs) Bytes(oid hub.OID) ([]byte, error) {
	return b.r.BlobBytes(b.ctx, oid, git.MaxWhole)
}
