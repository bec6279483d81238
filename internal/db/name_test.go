package db

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A name that the database URL gives does not hide a node from Others, by which rows are moved only when nobody writes.
func TestGivenNameDoesNotHideANode(t *testing.T) {
	cfg, err := pgx.ParseConfig("postgres://cairn@localhost/cairn?application_name=hub")
	if err != nil {
		t.Fatal(err)
	}
	setDefaults(cfg)
	if name := cfg.RuntimeParams["application_name"]; !strings.HasPrefix(name, "cairn ") || !strings.HasSuffix(name, " hub") {
		t.Errorf("%q", name)
	}
}
