package gitstore

import (
	"context"

	"github.com/cairnhub/cairn/internal/hub"
)

// Between lists the commits that of has in its history and base has not, newest first. more says that there are more
// than limit.
func (r *Repo) Between(ctx context.Context, base, of hub.OID, limit int) (list []CommitInfo, more bool, err error) {
	var order []hub.OID
	seen, shared := map[hub.OID]bool{}, map[hub.OID]bool{}
	err = r.paint(ctx, of, base, func(n *node, flags uint8) uint8 {
		if flags&sideA != 0 && !seen[n.oid] {
			seen[n.oid] = true
			order = append(order, n.oid)
		}
		if flags&sideBoth == sideBoth {
			return flags | stale
		}
		return flags
	}, func(oid hub.OID, flags uint8) { shared[oid] = flags&sideB != 0 })
	if err != nil {
		return nil, false, err
	}
	for _, oid := range order {
		if shared[oid] {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		c, err := r.Commit(ctx, oid)
		if err != nil {
			return nil, false, err
		}
		list = append(list, CommitInfo{oid, c})
	}
	return list, false, nil
}
