package repo

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cairnhub/cairn/internal/errs"
)

// unbuilt are the members of create and duplicate that ask for things that this hub does not have: machines for
// Spaces, resource groups and regions. They are refused instead of ignored, since their sender relies on them.
var unbuilt = []string{"hardware", "storageTier", "sleepTimeSeconds", "secrets", "variables", "volumes", "devModeEnabled",
	"template", "resourceGroupId", "region"}

// CheckBuilt refuses a request that asks for what is not built, and names all of it.
func CheckBuilt(body map[string]json.RawMessage) error {
	var asked []string
	for _, name := range unbuilt {
		if !emptyJSON(body[name]) {
			asked = append(asked, name)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	slices.Sort(asked)
	return errs.Unsupported("This hub does not run Spaces and has no resource groups or regions: leave out %s", strings.Join(asked, ", "))
}

func emptyJSON(raw json.RawMessage) bool {
	switch string(bytes.TrimSpace(raw)) {
	case "", "null", `""`, "[]", "{}", "false":
		return true
	}
	return false
}
