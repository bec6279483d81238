package contract

import (
	"fmt"
	"regexp"
	"strings"
)

// Op is a route as the server has it: the operation it serves, its method and its path in OpenAPI's notation.
type Op struct{ ID, Method, Path string }

// Unserved is the ID of the routes that answer 501 for the Hub's operations that Cairn does not serve.
const Unserved = "unserved"

var param = regexp.MustCompile(`\{([A-Za-z0-9_]+)\}`)

// shape is a door without the names of its parameters, which the router and the contract may choose differently, and
// without the .git that a repository's name may end in: the router takes both by one route.
func (o Op) shape() Op {
	path := strings.Replace(o.Path, "{repo}.git/", "{repo}/", 1)
	return Op{o.ID, strings.ToUpper(o.Method), param.ReplaceAllString(path, "{}")}
}

// below is the door one free-form path deeper: a route that ends in {rev}/{path} takes the rest of the address as it
// comes, so it serves the address without a path as well.
func (o Op) below() Op {
	if strings.HasSuffix(o.Path, "/{rev}") {
		o.Path += "/{path}"
	}
	return o
}

// Check compares the routes with the contract: every route stands in it, every operation and alias has a route.
func Check(routes []Op) []error {
	d, err := load()
	if err != nil {
		return []error{err}
	}
	var errs []error
	have := map[Op]bool{}
	for _, r := range routes {
		if r.ID == Unserved {
			continue
		}
		have[r.shape()] = true
		if o := d.ops[r.ID]; o == nil {
			errs = append(errs, fmt.Errorf("%s %s: the contract has no operation %q", r.Method, r.Path, r.ID))
		} else if !o.opens(r) {
			errs = append(errs, fmt.Errorf("%s %s: the contract does not say that %s is served there", r.Method, r.Path, r.ID))
		}
	}
	for _, id := range d.ids {
		for _, door := range d.ops[id].doors {
			if !have[door.shape()] && !have[door.below().shape()] {
				errs = append(errs, fmt.Errorf("%s %s: %s has no route", door.Method, door.Path, id))
			}
		}
	}
	return errs
}

func (o *operation) opens(r Op) bool {
	for _, door := range o.doors {
		if door.shape() == r.shape() {
			return true
		}
	}
	return false
}

// Operations lists every door of the contract, aliases included.
func Operations() ([]Op, error) {
	d, err := load()
	if err != nil {
		return nil, err
	}
	var out []Op
	for _, id := range d.ids {
		out = append(out, d.ops[id].doors...)
	}
	return out, nil
}
