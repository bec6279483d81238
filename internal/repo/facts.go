package repo

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
	"github.com/cairnhub/cairn/internal/gguf"
	"github.com/cairnhub/cairn/internal/hub"
	"github.com/cairnhub/cairn/internal/safetensors"
)

// Facts are what the files of the default branch say of their repository.
type Facts struct {
	Card        json.RawMessage // the front matter as a JSON object; nil: no card
	Tags        []string        // sorted by kind, without doubles
	PipelineTag string
	LibraryName string
	SDK         string
	Extra       Extra
}

// Extra are the facts that are shown and never searched for.
type Extra struct {
	Config       json.RawMessage   `json:"config,omitempty"`
	Transformers *Transformers     `json:"transformersInfo,omitempty"`
	MaskToken    string            `json:"mask_token,omitempty"`
	Safetensors  *safetensors.Info `json:"safetensors,omitempty"`
	GGUF         *gguf.Info        `json:"gguf,omitempty"`
}

// Transformers says how to load a model with transformers.
type Transformers struct {
	AutoModel   string `json:"auto_model"`
	CustomClass string `json:"custom_class,omitempty"`
	PipelineTag string `json:"pipeline_tag,omitempty"`
	Processor   string `json:"processor,omitempty"`
}

// Update is a new state of the default branch.
type Update struct {
	Head  hub.OID // zero: the branch has no commit
	At    time.Time
	Facts *Facts // nil: as before, or to be derived later
}

// maxDerived bounds the JSON that one repository's facts may take, since lists show it.
const maxDerived = 512 << 10

// Refresh records a new head of the default branch and, if they are given, what its files say. In the transaction that
// moves the branch it keeps the row in step; facts that were derived later come with the head that they are of, which
// the caller has made sure is still the head.
func (s *Service) Refresh(ctx context.Context, tx *db.Tx, repoID string, u Update) error {
	head := ""
	if !u.Head.IsZero() {
		head = u.Head.String()
	}
	_, err := tx.Exec(ctx, `UPDATE repo SET head = ?, modified_at = ? WHERE id = ?`, head, u.At.UnixMicro(), repoID)
	if err == nil && u.Facts != nil {
		err = writeFacts(ctx, tx, repoID, u.Facts)
	}
	return errs.Wrap("repo.Refresh", err)
}

// MoveHead records a new head of the default branch in the transaction that moves it, and says whose the repository is by
// then; empty: it is gone.
func (s *Service) MoveHead(ctx context.Context, tx *db.Tx, repoID string, head hub.OID, at time.Time) (ownerID string, err error) {
	text := ""
	if !head.IsZero() {
		text = head.String()
	}
	err = tx.Get(ctx, &ownerID, `UPDATE repo SET head = ?, modified_at = ? WHERE id = ? RETURNING owner_id`, text, at.UnixMicro(), repoID)
	if db.IsNoRows(err) {
		return "", nil
	}
	return ownerID, errs.Wrap("repo.MoveHead", err)
}

func writeFacts(ctx context.Context, tx *db.Tx, repoID string, f *Facts) error {
	card, facts, tags, err := f.columns()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE repo SET card = ?, facts = ?, tags = ?, pipeline_tag = ?, library_name = ?, sdk = ? WHERE id = ?`,
		card, facts, tags, f.PipelineTag, f.LibraryName, f.SDK, repoID)
	if err != nil {
		return err
	}
	return writeTags(ctx, tx, repoID, f.Tags)
}

// columns encodes the facts. What is too large to show is left out rather than cut.
func (f *Facts) columns() (card, facts, tags string, err error) {
	extra, err := json.Marshal(f.Extra)
	if err != nil {
		return "", "", "", err
	}
	if len(extra) > maxDerived {
		e := f.Extra
		e.Config = nil
		if extra, err = json.Marshal(e); err != nil || len(extra) > maxDerived {
			extra = []byte("{}")
		}
	}
	list, err := json.Marshal(append([]string{}, f.Tags...))
	if len(f.Card) <= maxDerived {
		card = string(f.Card)
	}
	return card, string(extra), string(list), err
}

// writeTags changes only the rows that differ: most commits change none.
func writeTags(ctx context.Context, tx *db.Tx, repoID string, want []string) error {
	var have []string
	if err := tx.Select(ctx, &have, `SELECT tag FROM repo_tag WHERE repo_id = ?`, repoID); err != nil {
		return err
	}
	for _, tag := range have {
		if slices.Contains(want, tag) {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM repo_tag WHERE repo_id = ? AND tag = ?`, repoID, tag); err != nil {
			return err
		}
	}
	for _, tag := range want {
		if slices.Contains(have, tag) {
			continue
		}
		_, err := tx.Exec(ctx, `INSERT INTO repo_tag (repo_id, type, tag) SELECT r.id, r.type, ? FROM repo r WHERE r.id = ?
			ON CONFLICT (repo_id, tag) DO NOTHING`, tag, repoID)
		if err != nil {
			return err
		}
	}
	return nil
}

// derivedRow are the columns that Refresh writes.
type derivedRow struct {
	ID          string `db:"id"`
	Head        string `db:"head"`
	ModifiedAt  int64  `db:"modified_at"`
	Card        string `db:"card"`
	Facts       string `db:"facts"`
	Tags        string `db:"tags"`
	PipelineTag string `db:"pipeline_tag"`
	LibraryName string `db:"library_name"`
	SDK         string `db:"sdk"`
}

// derived are the same, decoded.
type derived struct {
	card  json.RawMessage
	tags  json.RawMessage
	extra Extra
}

func (d derivedRow) decode() (derived, error) {
	out := derived{tags: json.RawMessage(d.Tags)}
	if d.Card != "" {
		out.card = json.RawMessage(d.Card)
	}
	if d.Facts == "" {
		return out, nil
	}
	return out, json.Unmarshal([]byte(d.Facts), &out.extra)
}

// SetUsedStorage records how many bytes a repository takes.
func (s *Service) SetUsedStorage(ctx context.Context, tx *db.Tx, repoID string, bytes int64) error {
	_, err := tx.Exec(ctx, `UPDATE repo SET used_storage = ? WHERE id = ?`, bytes, repoID)
	return errs.Wrap("repo.SetUsedStorage", err)
}
