package app

import (
	"bytes"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/cairnhub/cairn/internal/config"
	"github.com/cairnhub/cairn/internal/db"
	"github.com/cairnhub/cairn/internal/db/dbtest"
)

func TestDoctorOnBothEngines(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(string(dialect), func(t *testing.T) {
			cfg, err := config.Load(map[string]string{
				"data": t.TempDir(), "database-url": dbtest.URL(t, dialect), "listen": "localhost:1",
				"blob-url": "file:" + filepath.Join(t.TempDir(), "absent"),
			}, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := Doctor(t.Context(), cfg, &out); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			peer := "the file system"
			if dialect == db.Postgres {
				peer = "the database"
			}
			for _, want := range []string{`ok    git `, `ok    database +` + string(dialect) + ` answers`, `ok    clock +agrees with ` + peer, `skip  store `, `skip  address `} {
				if !regexp.MustCompile("(?m)^" + want).MatchString(out.String()) {
					t.Errorf("no line %q in\n%s", want, &out)
				}
			}
		})
	}
}
