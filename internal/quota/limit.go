package quota

import (
	"context"
	"fmt"

	"github.com/cairnhub/cairn/internal/account"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/errs"
)

// NoLimit is a quota that nothing exceeds; every negative one is.
const NoLimit = -1

// Defaults are the quotas of whoever has none of their own, in bytes.
type Defaults struct {
	UserPrivate, UserPublic int64
	OrgPrivate, OrgPublic   int64
	Repo                    int64
}

// Unlimited are no quotas at all.
func Unlimited() Defaults {
	return Defaults{UserPrivate: NoLimit, UserPublic: NoLimit, OrgPrivate: NoLimit, OrgPublic: NoLimit, Repo: NoLimit}
}

func (d Defaults) owner(kind account.Kind, private bool) int64 {
	switch {
	case kind == account.KindOrg && private:
		return d.OrgPrivate
	case kind == account.KindOrg:
		return d.OrgPublic
	case private:
		return d.UserPrivate
	}
	return d.UserPublic
}

// limit reports whether an owner has any quota.
func (d Defaults) limit(o *ownerRow) bool {
	return or(o.PrivateLimit, d.owner(o.Kind, true)) >= 0 || or(o.PublicLimit, d.owner(o.Kind, false)) >= 0
}

func or(own *int64, def int64) int64 {
	if own != nil {
		return *own
	}
	return def
}

// full reports whether there is no room for more bytes; of 0, whether there is none for anything.
func full(limit, used, more int64) bool {
	switch {
	case limit < 0 || more < 0:
		return false
	case more == 0:
		return used >= limit
	}
	return more > limit || used > limit-more
}

// needing says how much is missing.
func needing(more int64) string {
	if more == 0 {
		return ""
	}
	return ", and this needs " + Bytes(more) + " more"
}

// overRepo refuses what would make a repository larger than it may be.
func overRepo(limit, used, more int64) error {
	return errs.New(errs.TooLarge, "The repository may take %s and takes %s%s. "+
		"Delete large files that are not needed any more (lfs-files), or ask an administrator of this hub for a larger quota.",
		Bytes(limit), Bytes(used), needing(more)).With("quota", refusal("repository", limit, used, more))
}

// overOwner refuses what would go over an owner's quota.
func (s *Service) overOwner(ctx context.Context, q db.Queryer, o ownerRow, private bool, limit, used, more int64) error {
	name, err := ownerName(ctx, q, o.OwnerID)
	if err != nil {
		return err
	}
	kind := "public"
	if private {
		kind = "private"
	}
	return errs.New(errs.PaymentRequired, "The storage quota of %s for %s repositories is %s, of which %s are used%s. "+
		"Delete repositories or large files that are not needed any more, or ask an administrator of this hub for a larger quota.",
		name, kind, Bytes(limit), Bytes(used), needing(more)).With("quota", refusal(kind, limit, used, more))
}

func refusal(of string, limit, used, more int64) map[string]any {
	return map[string]any{"of": of, "limit": limit, "used": used, "needed": more}
}

// Bytes prints a number of bytes for people, in decimal units. What is not a round number keeps two digits behind the
// point, so that a quota and what is used of it do not look the same.
func Bytes(n int64) string {
	units := []string{"bytes", "KB", "MB", "GB", "TB", "PB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v /= 1000
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	if v == float64(int64(v)) {
		return fmt.Sprintf("%d %s", int64(v), units[i])
	}
	return fmt.Sprintf("%.2f %s", v, units[i])
}
