package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// released is the newest migration of the release before this one. Those up to it have been run by everybody.
const released = 21

// Two versions serve beside each other while a hub is upgraded node by node, or restarts itself: the new one has migrated
// the database that the old one goes on with. So a migration only adds what the version before can do without. What it does
// not use any more is taken away by the release after it: such a statement follows a line "-- contract: VERSION", the last
// version that used it.
func TestMigrationsExpandFirst(t *testing.T) {
	files, err := filepath.Glob("../../internal/db/migration/*/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no migrations", err)
	}
	looked := 0
	for _, path := range files {
		number, err := strconv.Atoi(filepath.Base(path)[:4])
		if err != nil {
			t.Fatal(err)
		}
		if number <= released {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		looked++
		for _, wrong := range contracting(string(text)) {
			t.Errorf("%s: %s", path, wrong)
		}
	}
	t.Logf("%d migrations are newer than the last release", looked)
}

// leftOut are numbers below the newest that no migration has, and none may get: a hub that has run a newer one refuses to
// run an older one after it, and would not start.
var leftOut = []int{4, 5, 6, 20, 26, 27}

// TestMigrationsOnlyGrow: a new migration has the number after the highest, in both dialects.
func TestMigrationsOnlyGrow(t *testing.T) {
	for _, dialect := range []string{"sqlite", "postgres"} {
		files, err := filepath.Glob("../../internal/db/migration/" + dialect + "/*.sql")
		if err != nil || len(files) == 0 {
			t.Fatal("no migrations", err)
		}
		next := 1
		for _, path := range files { // sorted
			number, err := strconv.Atoi(filepath.Base(path)[:4])
			if err != nil {
				t.Fatal(err)
			}
			for ; next < number; next++ {
				if !slices.Contains(leftOut, next) {
					t.Errorf("%s: the number %04d was left out or taken away: a new migration has the next number", path, next)
				}
			}
			if number < next || slices.Contains(leftOut, number) {
				t.Errorf("%s: hubs that have run a newer migration refuse this one: give it the number after the highest", path)
			}
			next = number + 1
		}
		if last := leftOut[len(leftOut)-1]; last >= next {
			t.Errorf("%s: %04d is no number between others", dialect, last)
		}
	}
}

const contracts = "CONTRACTS " // in place of the line that allows a statement

var (
	comments    = regexp.MustCompile(`--[^\n]*`)
	contractOf  = regexp.MustCompile(`(?m)^\s*-- contract: \S+`)
	createTable = regexp.MustCompile(`(?i)^CREATE TABLE (?:IF NOT EXISTS )?(\w+)`)
	createIndex = regexp.MustCompile(`(?i)^CREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?\w+ ON (\w+)`)
	addColumn   = regexp.MustCompile(`(?i)^ALTER TABLE (\w+) ADD COLUMN (.*)$`)
	others      = regexp.MustCompile(`(?i)^(DROP INDEX|INSERT INTO|UPDATE|WITH|SELECT|ANALYZE) `)
)

// contracting names the statements of a migration that an older binary may not bear.
func contracting(text string) (wrong []string) {
	var made []string // tables of this migration: nobody uses them yet
	text = comments.ReplaceAllString(contractOf.ReplaceAllString(text, contracts), "")
	for _, raw := range strings.Split(text, ";") {
		s := strings.Join(strings.Fields(raw), " ")
		if s == "" || strings.HasPrefix(s, contracts) {
			continue
		}
		if m := createTable.FindStringSubmatch(s); m != nil {
			made = append(made, m[1])
			continue
		}
		if why := refuse(s, made); why != "" {
			wrong = append(wrong, why+": "+s)
		}
	}
	return wrong
}

func refuse(s string, made []string) string {
	if m := createIndex.FindStringSubmatch(s); m != nil {
		if m[1] != "" && !slices.Contains(made, m[2]) {
			return "a unique index refuses rows that the version before writes"
		}
		return ""
	}
	if m := addColumn.FindStringSubmatch(s); m != nil {
		column := strings.ToUpper(m[2])
		if strings.Contains(column, "NOT NULL") && !strings.Contains(column, " DEFAULT ") {
			return "the version before does not fill the column: give it a default"
		}
		return ""
	}
	for _, table := range made {
		if regexp.MustCompile(`(?i)^(ALTER TABLE|DELETE FROM) ` + table + `\b`).MatchString(s) {
			return ""
		}
	}
	if others.MatchString(s) {
		return ""
	}
	return "no statement that only adds (see CONTRIBUTING.md)"
}

func TestContractingStatementsAreSeen(t *testing.T) {
	for text, ok := range map[string]bool{
		"-- +goose Up\nCREATE TABLE a (x TEXT NOT NULL); CREATE UNIQUE INDEX i ON a (x);": true,
		"ALTER TABLE repo ADD COLUMN x BIGINT;":                                           true,
		"ALTER TABLE repo ADD COLUMN x BIGINT NOT NULL DEFAULT 0; -- why":                 true,
		"DROP INDEX repo_owner; CREATE INDEX repo_owner ON repo (owner_id);":              true,
		"ALTER TABLE repo ADD COLUMN x BIGINT NOT NULL;":                                  false,
		"CREATE UNIQUE INDEX i ON repo (x);":                                              false,
		"ALTER TABLE repo DROP COLUMN x;":                                                 false,
		"ALTER TABLE repo RENAME TO model;":                                               false,
		"ALTER TABLE repo ALTER COLUMN x SET NOT NULL;":                                   false,
		"DROP TABLE repo;":                    false,
		"DELETE FROM repo;":                   false,
		"-- contract: v1.3\nDROP TABLE repo;": true,
		"CREATE TABLE a (x TEXT);\n-- contract: v1.3\nDROP TABLE b; DROP TABLE c;": false,
	} {
		if wrong := contracting(text); (len(wrong) == 0) != ok {
			t.Errorf("%q: %v", text, wrong)
		}
	}
}
