package contract

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

// The counts are facts about the Hub's own documents: 146 and 314 operations, 140 of them in both; 26 that only the
// Python client names; 16 of the Settings API.
func TestHubOperationsAreAllThere(t *testing.T) {
	ops, err := CheckedHubOperations() // checks the shape
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, o := range ops {
		for _, in := range o.In {
			n[in]++
		}
		if slices.Contains(o.In, "first") && slices.Contains(o.In, "second") {
			n["both"]++
		}
	}
	for in, want := range map[string]int{"first": 146, "second": 314, "both": 140, "client": 26, "settings": 16} {
		if n[in] != want {
			t.Errorf("%s: %d operations, want %d", in, n[in], want)
		}
	}
	if len(Planned())+len(Refused()) == 0 || len(Planned())+len(Refused()) >= len(ops) {
		t.Error("planned and refused are not a part of all")
	}
}

func TestPatternsNameEveryParameterOnce(t *testing.T) {
	ops, err := HubOperations()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range ops {
		names := param.FindAllString(o.Pattern(), -1)
		slices.Sort(names)
		if len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("%s: %s names a parameter twice", o.Path, o.Pattern())
		}
	}
}

func TestHubOperationRefuses(t *testing.T) {
	good := HubOperation{Method: "GET", Path: "/api/whoami-v2", Tag: "auth", In: []string{"first"}, Status: Done, Operation: "whoami"}
	if err := checkHubOperations([]HubOperation{good}); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(o *HubOperation){
		"unknown operation": func(o *HubOperation) { o.Operation = "nobody" },
		"other method":      func(o *HubOperation) { o.Method = "POST" },
		"no reason":         func(o *HubOperation) { o.Status = Pending },
		"unknown status":    func(o *HubOperation) { o.Status, o.Reason = "maybe", "x" },
		"no origin":         func(o *HubOperation) { o.In = nil },
	} {
		bad := good
		spoil(&bad)
		if checkHubOperations([]HubOperation{bad}) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if checkHubOperations([]HubOperation{good, good}) == nil {
		t.Error("twice: accepted")
	}
}

func TestConformanceIsFresh(t *testing.T) {
	want, err := Conformance()
	if err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Error("docs/conformance.md is stale: run go run ./internal/httpd/contract/generate")
	}
}
