package git

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CheckRefName refuses names that `git check-ref-format` refuses, names outside refs/, those longer than 512 bytes
// and those that are not UTF-8, which a database column cannot hold.
func CheckRefName(name string) error {
	if !strings.HasPrefix(name, "refs/") || strings.Count(name, "/") < 2 && name != "refs/stash" {
		return fmt.Errorf("%q is not below refs/heads, refs/tags or another folder of refs", name)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%q is not UTF-8", name)
	}
	if len(name) > 512 {
		return fmt.Errorf("ref name of %d bytes", len(name))
	}
	if strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".") {
		return fmt.Errorf("%q has \"..\", \"@{\" or a dot at its end", name)
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return fmt.Errorf("%q has a component that is empty, starts with a dot or ends in .lock", name)
		}
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return fmt.Errorf("%q has the character %q", name, c)
		}
	}
	return nil
}
