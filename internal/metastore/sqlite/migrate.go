package sqlite

import (
	"embed"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/levadahq/levada/internal/fault"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations returns the SQL of each migration; the one at index i leads from
// schema i to i+1. The files are named by the schema they lead to.
var migrations = sync.OnceValue(func() []string {
	entries, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		panic(err) // embedded
	}
	var all []string
	for i, e := range entries {
		if n, err := strconv.Atoi(e.Name()[:4]); err != nil || n != i+1 {
			panic("migrations are not numbered one by one: " + e.Name())
		}
		sql, err := migrationFiles.ReadFile("migrations/" + e.Name())
		if err != nil {
			panic(err)
		}
		all = append(all, string(sql))
	}
	return all
})

// latest is the schema that this program reads and writes.
func latest() int { return len(migrations()) }

// applicationID marks a SQLite file as a Levada store: "Levd".
const applicationID = 0x4c657664

// version says what is in a database file.
type version struct {
	application, schema, tables int
}

func readVersion(c *conn) (version, error) {
	const q = `SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id, pragma_user_version`
	var v version
	for r, err := range c.query(q) {
		if err != nil {
			return v, err
		}
		v = version{r.int(), r.int(), r.int()}
	}
	return v, nil
}

// empty reports whether the file was just created.
func (v version) empty() bool { return v.application == 0 && v.schema == 0 && v.tables == 0 }

// check refuses files that this program must not touch.
func (v version) check(path string) error {
	switch {
	case v.application != applicationID && !v.empty():
		return damaged(fault.New(fault.Corrupt, "the file is not a Levada store").On(path))
	case v.schema > latest():
		return fault.New(fault.Unavailable, "a newer Levada wrote this store: it has schema %d, this program knows %d", v.schema, latest()).
			On(path).Do("Upgrade Levada, or use another folder for the store.")
	}
	return nil
}

// migrate brings the database to the latest schema. It fails with "busy" if
// another process is at it, and may then be called again.
func migrate(c *conn, path string) error {
	return migrateTo(c, path, latest())
}

func migrateTo(c *conn, path string, schema int) error {
	v, err := readVersion(c)
	if err != nil {
		return err
	}
	if err := v.check(path); err != nil {
		return err
	}
	if v.empty() {
		// So that the file can shrink piece by piece. It must be said before there is anything in it.
		if err := c.script("PRAGMA auto_vacuum = INCREMENTAL"); err != nil {
			return err
		}
		if !networked(path) {
			if _, err := c.setJournalMode("WAL"); err != nil {
				return err
			}
		}
	}
	if v.schema >= schema {
		return nil
	}
	// All in one transaction, for each waits for the disk.
	if err := c.script("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	// Another process may have migrated between our look and our lock: one of a newer Levada, further than we can.
	if v, err = readVersion(c); err == nil {
		err = v.check(path)
	}
	if err == nil && v.schema < schema {
		err = c.script(strings.Join(migrations()[v.schema:schema], "\n") + fmt.Sprintf(`
			PRAGMA application_id = %d;
			PRAGMA user_version = %d;`, applicationID, schema))
	}
	if err == nil {
		err = c.script("COMMIT")
	}
	if err != nil {
		c.script("ROLLBACK")
	}
	return err
}
