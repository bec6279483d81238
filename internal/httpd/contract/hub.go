package contract

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/cairnhub/cairn/api"
)

// Status says how Cairn stands to one of the Hub's operations.
type Status string

// The statuses.
const (
	Done    Status = "done"    // served, and in the contract
	Pending Status = "planned" // answers 501 today
	Never   Status = "refused" // answers 501, and the reason says why it makes no sense here
)

// HubOperation is an operation of the Hub.
type HubOperation struct {
	Method    string   `yaml:"method"`
	Path      string   `yaml:"path"`
	Tag       string   `yaml:"tag"`
	In        []string `yaml:"in"`        // first, second: the Hub's OpenAPI description, earlier and later; client; settings
	Status    Status   `yaml:"status"`    //
	Operation string   `yaml:"operation"` // done: the operationId in the contract
	Reason    string   `yaml:"reason"`    // otherwise: why not, or what will come
}

// Pattern is the path with every parameter's name used once, as routers demand.
func (o HubOperation) Pattern() string {
	seen := map[string]int{}
	return param.ReplaceAllStringFunc(o.Path, func(p string) string {
		name := p[1 : len(p)-1]
		if seen[name]++; seen[name] > 1 {
			return fmt.Sprintf("{%s%d}", name, seen[name])
		}
		return p
	})
}

var hubOperations = sync.OnceValues(func() ([]HubOperation, error) {
	var ops []HubOperation
	if err := yaml.Unmarshal(api.HubOperations, &ops); err != nil {
		return nil, fmt.Errorf("hub-operations.yaml: %w", err)
	}
	return ops, nil
})

// HubOperations lists every operation of the Hub that Cairn keeps account of. It does not compare them with the contract, which takes
// as long as all else of a hub's start: CheckedHubOperations does, for tests and the page of conformance.
func HubOperations() ([]HubOperation, error) { return hubOperations() }

// CheckedHubOperations are the operations, after each was held to the contract.
func CheckedHubOperations() ([]HubOperation, error) {
	ops, err := hubOperations()
	if err == nil {
		err = checkHubOperations(ops)
	}
	return ops, err
}

// Refused lists what Cairn will not serve. The server answers each with 501 and the reason.
func Refused() []HubOperation { return withStatus(Never) }

// Planned lists what Cairn does not serve yet. The server answers each with 501 and the reason.
func Planned() []HubOperation { return withStatus(Pending) }

func withStatus(s Status) []HubOperation {
	ops, err := hubOperations()
	if err != nil {
		panic(err) // the file is embedded, and the tests load it
	}
	var out []HubOperation
	for _, o := range ops {
		if o.Status == s {
			out = append(out, o)
		}
	}
	return out
}

func checkHubOperations(ops []HubOperation) error {
	d, err := load()
	if err != nil {
		return err
	}
	var errs []error
	seen := map[string]bool{}
	for _, o := range ops {
		door := o.Method + " " + o.Path
		if seen[door] {
			errs = append(errs, fmt.Errorf("%s stands twice", door))
		}
		seen[door] = true
		if err := o.check(d); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", door, err))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("hub-operations.yaml: %w", errors.Join(errs...))
	}
	return nil
}

func (o HubOperation) check(d *document) error {
	switch {
	case o.Method == "" || !strings.HasPrefix(o.Path, "/") || o.Tag == "" || len(o.In) == 0:
		return errors.New("method, path, tag and origin must be there")
	case o.Status == Done && d.ops[o.Operation] == nil:
		return fmt.Errorf("done, but the contract has no operation %q", o.Operation)
	case o.Status == Done && d.ops[o.Operation].doors[0].Method != o.Method:
		return fmt.Errorf("done by %s, which has another method", o.Operation)
	case o.Status != Done && o.Reason == "":
		return errors.New("not done, and no reason given")
	case o.Status != Done && o.Status != Pending && o.Status != Never:
		return fmt.Errorf("unknown status %q", o.Status)
	}
	return nil
}
