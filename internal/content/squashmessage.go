package content

import (
	"context"
	"fmt"
	"strings"

	"github.com/cairnhub/cairn/internal/gitstore"
	"github.com/cairnhub/cairn/internal/hub"
)

// maxSquashed is how many commits the message of a squash tells of.
const maxSquashed = 100

// squashMessage tells what was squashed, as git merge --squash words it.
func squashMessage(ctx context.Context, base hub.OID, from *Snapshot) (string, error) {
	list, more, err := from.Git.Between(ctx, base, from.Commit, maxSquashed)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("Squashed commit of the following:\n")
	for _, c := range list {
		entry := squashedEntry(c)
		if b.Len()+len(entry) > maxMessage/2 {
			more = true
			break
		}
		b.WriteString(entry)
	}
	if more {
		b.WriteString("\n… and more.\n")
	}
	return b.String(), nil
}

// squashedEntry is a commit as git log shows it.
func squashedEntry(c gitstore.CommitInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\ncommit %s\n", c.OID)
	if len(c.Commit.Parents) > 1 {
		b.WriteString("Merge:")
		for _, p := range c.Commit.Parents {
			fmt.Fprintf(&b, " %.7s", p)
		}
		b.WriteByte('\n')
	}
	a := c.Commit.Author
	fmt.Fprintf(&b, "Author: %s <%s>\nDate:   %s\n\n", a.Name, a.Email, a.When.Format("Mon Jan 2 15:04:05 2006 -0700"))
	for line := range strings.SplitSeq(strings.TrimSpace(c.Commit.Message), "\n") {
		b.WriteString(strings.TrimRight("    "+line, " \t\r") + "\n")
	}
	return b.String()
}
