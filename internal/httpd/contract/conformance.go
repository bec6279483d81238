package contract

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Conformance is docs/conformance.md: every operation of the Hub with how Cairn stands to it.
func Conformance() ([]byte, error) {
	ops, err := CheckedHubOperations()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(conformanceHead)
	writeCounts(&b, ops)
	for tag, group := range byTag(ops) {
		fmt.Fprintf(&b, "\n## %s\n\n| method | path | status | note |\n|---|---|---|---|\n", tag)
		for _, o := range group {
			note := o.Reason
			if o.Status == Done {
				note = "`" + o.Operation + "`"
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", o.Method, o.Path, o.Status, cell(note))
		}
	}
	return b.Bytes(), nil
}

const conformanceHead = `<!-- Made by go run ./internal/httpd/contract/generate from api/hub-operations.yaml. Do not edit. -->

# Conformance

Every operation of the Hub that we know of, from two versions of its OpenAPI description, from what its Python client
calls beyond them, and from the Settings API. *Done* is served and held to the contract by the tests, under the named
operation of [openapi.yaml](../api/openapi.yaml). *Planned* and *refused* answer 501 with ` + "`X-Error-Code: NotImplemented`" + `
and the note as the message, never a success that did not happen.

`

func writeCounts(b *bytes.Buffer, ops []HubOperation) {
	origins := []struct{ in, name string }{
		{"", "all"},
		{"first", "OpenAPI description, earlier"},
		{"second", "OpenAPI description, later"},
		{"client", "Python client only"},
		{"settings", "Settings API"},
	}
	b.WriteString("| known from | operations | done | planned | refused |\n|---|--:|--:|--:|--:|\n")
	for _, o := range origins {
		n := map[Status]int{}
		for _, op := range ops {
			if o.in == "" || slices.Contains(op.In, o.in) {
				n[op.Status]++
			}
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d |\n", o.name, n[Done]+n[Pending]+n[Never], n[Done], n[Pending], n[Never])
	}
}

// byTag groups neighbours; the file is sorted by tag.
func byTag(ops []HubOperation) func(yield func(string, []HubOperation) bool) {
	return func(yield func(string, []HubOperation) bool) {
		for start := 0; start < len(ops); {
			end := start
			for end < len(ops) && ops[end].Tag == ops[start].Tag {
				end++
			}
			if !yield(ops[start].Tag, ops[start:end]) {
				return
			}
			start = end
		}
	}
}

// cell makes a text fit into a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", `\|`)
}
