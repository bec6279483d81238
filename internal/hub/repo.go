package hub

import "strings"

// RepoType is the kind of a repository, in the singular: model, dataset, space.
type RepoType string

// The repository types that Cairn serves.
const (
	Model   RepoType = "model"
	Dataset RepoType = "dataset"
	Space   RepoType = "space"
)

// RepoTypes are all of them.
var RepoTypes = []RepoType{Model, Dataset, Space}

// ParseRepoType reads the singular or the plural; the empty string is a model, as in the Hub's API.
func ParseRepoType(s string) (RepoType, bool) {
	switch s {
	case "", "model", "models":
		return Model, true
	case "dataset", "datasets":
		return Dataset, true
	case "space", "spaces":
		return Space, true
	}
	return "", false
}

// Plural is the form in API paths: models, datasets, spaces.
func (t RepoType) Plural() string { return string(t) + "s" }

// Prefix is what stands before ns/name in a page's path: nothing for models, "datasets/", "spaces/".
func (t RepoType) Prefix() string {
	if t == Model {
		return ""
	}
	return string(t) + "s/"
}

// RepoID names a repository. Names keep their case and compare without it.
type RepoID struct {
	Type      RepoType
	Namespace string
	Name      string
}

// ParseRepoPath reads Path back: ns/name, datasets/ns/name, spaces/ns/name, also models/ns/name. Names of users never
// are those of types.
func ParseRepoPath(s string) (RepoID, bool) {
	parts := strings.Split(s, "/")
	id := RepoID{Type: Model}
	if len(parts) == 3 {
		var ok bool
		if id.Type, ok = ParseRepoType(parts[0]); !ok || parts[0] != id.Type.Plural() {
			return RepoID{}, false
		}
		parts = parts[1:]
	}
	if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return RepoID{}, false
	}
	id.Namespace, id.Name = parts[0], parts[1]
	return id, true
}

// String is ns/name.
func (r RepoID) String() string { return r.Namespace + "/" + r.Name }

// Key is the form that names are compared by.
func (r RepoID) Key() string { return strings.ToLower(r.Namespace + "/" + r.Name) }

// Path is the path of the repository's page without the leading slash: ns/name, datasets/ns/name.
func (r RepoID) Path() string { return r.Type.Prefix() + r.String() }

// Visibility says who may read a repository.
type Visibility string

// The visibilities.
const (
	Public  Visibility = "public"
	Private Visibility = "private"
)

// RepoRow names a repository's row, which keeps its id when the repository moves, and whose it is.
type RepoRow struct {
	ID      string
	OwnerID string // a user or an organisation
}
