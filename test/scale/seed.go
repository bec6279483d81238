package scale

import (
	"context"
	"fmt"
	"strings"

	"github.com/cairnhub/cairn/internal/db"
)

// Size is how much of each there is. The first organisation, org-0, has all people as members and a tenth of the
// repositories; every fifth repository is private; everybody likes and follows a few, and everybody likes repo-0 and
// follows user-0 and org-0.
type Size struct {
	Users, Orgs, Repos, Events int
}

// Times is a size so many times as large.
func (s Size) Times(n int) Size { return Size{s.Users * n, s.Orgs * n, s.Repos * n, s.Events * n} }

// seeder writes SQL that both engines take.
type seeder struct {
	Size
	dialect db.Dialect
}

// id is the expression of a row's id: 24 hex digits, the first of them the kind.
func (s seeder) id(kind byte, number string) string {
	if s.dialect == db.Postgres {
		return fmt.Sprintf(`'%c' || lpad(to_hex(%s), 23, '0')`, kind, number)
	}
	return fmt.Sprintf(`printf('%c%%023x', %s)`, kind, number)
}

// rows is a table of the numbers 0 to n-1.
func rows(n int) string {
	return fmt.Sprintf(`WITH RECURSIVE s (i) AS (SELECT CAST(0 AS BIGINT) WHERE 0 < %d UNION ALL SELECT i + 1 FROM s WHERE i + 1 < %d) `, n, n)
}

const birth = `1700000000000000` // unix microseconds; rows are a second apart

// Seed fills a fresh hub.
func Seed(ctx context.Context, d *db.DB, size Size) error {
	s := seeder{size, d.Dialect()}
	statements := []string{s.users(), s.orgs(), s.names("user-", "user", 'a', s.Users), s.names("org-", "org", 'b', s.Orgs), s.members(), s.repos()}
	statements = append(statements, s.likes()...)
	statements = append(statements, s.quotas()...)
	statements = append(statements, s.events())
	statements = append(statements, s.follows()...)
	statements = append(statements, s.words()...)
	if d.Dialect() == db.Postgres {
		statements = append([]string{`SET LOCAL statement_timeout = 0`}, statements...)
	}
	return d.Tx(ctx, func(tx *db.Tx) error {
		for _, sql := range statements {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return fmt.Errorf("%w in %s", err, strings.Join(strings.Fields(sql), " "))
			}
		}
		return nil
	})
}

func (s seeder) users() string {
	return fmt.Sprintf(`INSERT INTO users (id, name, fullname, email, created_at) %s SELECT %s, 'user-' || i, 'User ' || i, 'user-' || i || '@example.com', %s + i * 1000000 FROM s`,
		rows(s.Users), s.id('a', "i"), birth)
}

func (s seeder) orgs() string {
	return fmt.Sprintf(`INSERT INTO orgs (id, name, fullname, created_at) %s SELECT %s, 'org-' || i, 'Organisation ' || i, %s + i * 1000000 FROM s`, rows(s.Orgs), s.id('b', "i"), birth)
}

func (s seeder) names(prefix, kind string, letter byte, n int) string {
	return fmt.Sprintf(`INSERT INTO namespace (name_key, kind, owner_id, name) %s SELECT '%s' || i, '%s', %s, '%s' || i FROM s`, rows(n), prefix, kind, s.id(letter, "i"), prefix)
}

// members: all in org-0, and ten in each of the others.
func (s seeder) members() string {
	role := `CASE i % 4 WHEN 0 THEN 'admin' WHEN 1 THEN 'write' WHEN 2 THEN 'contributor' ELSE 'read' END`
	return fmt.Sprintf(`INSERT INTO org_member (org_id, user_id, role, created_at) %s SELECT %s, %s, %s, %s + i * 1000000 FROM s WHERE i < %d
		UNION ALL SELECT %s, %s, %s, %s + i * 1000000 FROM s WHERE i < %d`,
		rows(max(s.Users, s.Orgs*10)), s.id('b', "0"), s.id('a', "i"), role, birth, s.Users,
		s.id('b', "1 + i / 10"), s.id('a', fmt.Sprintf("i %% %d", s.Users)), role, birth, 10*(s.Orgs-1))
}

func (s seeder) repos() string {
	owner := fmt.Sprintf(`CASE WHEN i %% 10 = 0 THEN 'org-0' WHEN i %% 2 = 0 THEN 'org-' || (i / 2 %% %d) ELSE 'user-' || (i / 2 %% %d) END`, s.Orgs, s.Users)
	id := fmt.Sprintf(`CASE WHEN i %% 10 = 0 THEN %s WHEN i %% 2 = 0 THEN %s ELSE %s END`, s.id('b', "0"), s.id('b', fmt.Sprintf("i / 2 %% %d", s.Orgs)), s.id('a', fmt.Sprintf("i / 2 %% %d", s.Users)))
	return fmt.Sprintf(`INSERT INTO repo (id, type, owner_id, namespace, name, name_key, created_by, visibility, created_at, modified_at, downloads, likes, trending, used_storage)
		%s SELECT %s, CASE i %% 3 WHEN 0 THEN 'model' WHEN 1 THEN 'dataset' ELSE 'space' END, %s, %s, 'repo-' || i, %s || '/repo-' || i, %s,
		CASE WHEN i %% 5 = 3 THEN 'private' ELSE 'public' END, %s + i * 1000000, %s + i * 1000000, i * 7919 %% 10007, 0, i * 104729 %% 9973, i * 1000 FROM s`,
		rows(s.Repos), s.id('c', "i"), id, owner, owner, s.id('a', fmt.Sprintf("i %% %d", s.Users)), birth, birth)
}

// likes: each person likes ten, and all like repo-0.
func (s seeder) likes() []string {
	pair := fmt.Sprintf(`INSERT INTO repo_like (repo_id, user_id, created_at) %s SELECT %s, %s, %s + i * 1000000 FROM s WHERE true ON CONFLICT DO NOTHING`, rows(10*s.Users),
		s.id('c', fmt.Sprintf("i * 31 %% %d", s.Repos)), s.id('a', fmt.Sprintf("i %% %d", s.Users)), birth)
	all := fmt.Sprintf(`INSERT INTO repo_like (repo_id, user_id, created_at) %s SELECT %s, %s, %s + i * 1000000 FROM s WHERE true ON CONFLICT DO NOTHING`, rows(s.Users), s.id('c', "0"), s.id('a', "i"), birth)
	return []string{pair, all, `UPDATE repo SET likes = (SELECT COUNT(*) FROM repo_like l WHERE l.repo_id = repo.id) WHERE id IN (SELECT repo_id FROM repo_like)`}
}

func (s seeder) quotas() []string {
	return []string{
		`INSERT INTO quota_repo (repo_id, owner_id, private, large, packs) SELECT id, owner_id, visibility <> 'public', used_storage, 0 FROM repo`,
		`INSERT INTO quota_owner (owner_id, kind, private_used, public_used) SELECT q.owner_id, n.kind, CAST(SUM(CASE WHEN q.private THEN q.large ELSE 0 END) AS BIGINT),
			CAST(SUM(CASE WHEN q.private THEN 0 ELSE q.large END) AS BIGINT) FROM quota_repo q JOIN namespace n ON n.owner_id = q.owner_id GROUP BY q.owner_id, n.kind`,
	}
}

// events: half of them in the log of org-0.
func (s seeder) events() string {
	return fmt.Sprintf(`INSERT INTO event (repo_id, kind, actor_id, actor_name, owner_id, addr, created_at) %s SELECT %s, CASE i %% 2 WHEN 0 THEN 'repo.settings' ELSE 'repo.create' END, %s, 'user-' || (i %% %d), %s, '192.0.2.7', %s + i * 1000000 FROM s`,
		rows(s.Events), s.id('c', fmt.Sprintf("i %% %d", s.Repos)), s.id('a', fmt.Sprintf("i %% %d", s.Users)), s.Users,
		fmt.Sprintf(`CASE i %% 2 WHEN 0 THEN %s ELSE %s END`, s.id('b', "0"), s.id('a', fmt.Sprintf("i %% %d", s.Users))), birth)
}

// follows: each person follows five others, and all follow user-0 and org-0.
func (s seeder) follows() []string {
	return []string{
		fmt.Sprintf(`INSERT INTO follow (follower_id, owner_id, kind, created_at) %s SELECT %s, %s, 'user', %s + i * 1000000 FROM s WHERE true ON CONFLICT DO NOTHING`, rows(5*s.Users),
			s.id('a', fmt.Sprintf("i %% %d", s.Users)), s.id('a', fmt.Sprintf("(i * 17 + 1) %% %d", s.Users)), birth),
		fmt.Sprintf(`INSERT INTO follow (follower_id, owner_id, kind, created_at) %s SELECT %s, %s, 'user', %s + i * 1000000 FROM s WHERE i > 0 ON CONFLICT DO NOTHING`, rows(s.Users), s.id('a', "i"), s.id('a', "0"), birth),
		fmt.Sprintf(`INSERT INTO follow (follower_id, owner_id, kind, created_at) %s SELECT %s, %s, 'org', %s + i * 1000000 FROM s WHERE true ON CONFLICT DO NOTHING`, rows(s.Users), s.id('a', "i"), s.id('b', "0"), birth),
	}
}

// words: each name and full name has two, one of them the same for all.
func (s seeder) words() []string {
	return []string{
		`INSERT INTO namespace_word (owner_id, source, word, kind) SELECT owner_id, 'name', kind, kind FROM namespace WHERE name LIKE '%-%'`,
		`INSERT INTO namespace_word (owner_id, source, word, kind) SELECT owner_id, 'name', substr(name, length(kind) + 2), kind FROM namespace WHERE name LIKE '%-%'`,
		`INSERT INTO repo_word (repo_id, word, type, visibility, owner_id) SELECT id, 'repo', type, visibility, owner_id FROM repo`,
		`INSERT INTO repo_word (repo_id, word, type, visibility, owner_id) SELECT id, substr(name, 6), type, visibility, owner_id FROM repo`,
	}
}
