//go:build linux

package faulttest

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/layout"
	"github.com/levadahq/levada/internal/metastore"
)

// change runs SQL on the store's database, past Levada.
func (b *box) change(query string, args ...any) {
	b.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.home, layout.Database))
	if err != nil {
		b.t.Fatal(err)
	}
	defer db.Close()
	res, err := db.Exec(query, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		b.t.Fatalf("nothing was changed by %s", query)
	}
}

// artifact returns the record of an artifact of a run's start step.
func (b *box) artifact(name string) (found metastore.Artifact) {
	b.t.Helper()
	b.read(func(r *records) {
		var err error
		if found, err = r.meta.Artifact(b.t.Context(), 1, 1, 0, name); err != nil {
			b.t.Fatal(err)
		}
	})
	return found
}

// items returns the hash of the elements of the first foreach of run 1.
func (b *box) items() (h metastore.Hash) {
	b.t.Helper()
	b.read(func(r *records) {
		scopes, err := r.meta.Scopes(b.t.Context(), 1)
		if err != nil || len(scopes) != 1 {
			b.t.Fatal(scopes, err)
		}
		h = scopes[0].Items
	})
	return h
}

// file is where the bytes with a hash are stored.
func (b *box) file(h metastore.Hash) string {
	b.t.Helper()
	x := hex.EncodeToString(h[:])
	for _, suffix := range []string{"", ".zst"} {
		path := filepath.Join(b.home, "blobs", x[:2], x[2:]+suffix)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	b.t.Fatalf("%s is in no file", x)
	return ""
}

// rewrite changes a stored file.
func rewrite(t testing.TB, path string, with func(data []byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, with(bytes.Clone(data)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func flipped(data []byte) []byte   { data[len(data)/2] ^= 1; return data }
func truncated(data []byte) []byte { return data[:len(data)-1] }
func emptied([]byte) []byte        { return nil }

// damages are what is done to what run 1 stored. Each returns the name of what is damaged, as a message must have it.
var damages = map[string]func(b *box) (hash metastore.Hash){
	"plain flipped":   func(b *box) metastore.Hash { return b.damageFile("plain", flipped) },
	"plain truncated": func(b *box) metastore.Hash { return b.damageFile("plain", truncated) },
	"plain emptied":   func(b *box) metastore.Hash { return b.damageFile("plain", emptied) },
	"plain removed":   func(b *box) metastore.Hash { return b.removeFile("plain") },

	"packed flipped":   func(b *box) metastore.Hash { return b.damageFile("packed", flipped) },
	"packed truncated": func(b *box) metastore.Hash { return b.damageFile("packed", truncated) },
	"packed emptied":   func(b *box) metastore.Hash { return b.damageFile("packed", emptied) },
	"packed removed":   func(b *box) metastore.Hash { return b.removeFile("packed") },

	"row flipped": func(b *box) metastore.Hash {
		h := b.artifact("row").Hash
		b.change(`UPDATE blobs SET data = zeroblob(length(data)) WHERE hash = ?`, h[:])
		return h
	},
	"row removed": func(b *box) metastore.Hash {
		h := b.artifact("row").Hash
		b.change(`DELETE FROM blobs WHERE hash = ?`, h[:])
		return h
	},
	"inline flipped": func(b *box) metastore.Hash {
		h := b.artifact("inline").Hash
		b.change(`UPDATE artifacts SET inline = zeroblob(length(inline)) WHERE name = 'inline'`)
		return h
	},
	"elements flipped": func(b *box) metastore.Hash {
		h := b.items()
		rewrite(b.t, b.file(h), flipped)
		return h
	},
	"elements truncated": func(b *box) metastore.Hash {
		h := b.items()
		rewrite(b.t, b.file(h), truncated)
		return h
	},
}

func (b *box) damageFile(artifact string, how func([]byte) []byte) metastore.Hash {
	b.t.Helper()
	h := b.artifact(artifact).Hash
	rewrite(b.t, b.file(h), how)
	return h
}

func (b *box) removeFile(artifact string) metastore.Hash {
	b.t.Helper()
	h := b.artifact(artifact).Hash
	if err := os.Remove(b.file(h)); err != nil {
		b.t.Fatal(err)
	}
	return h
}

// TestDamage changes what is stored behind Levada's back. Who reads it is told what is damaged; nobody gets wrong
// bytes. When what made the value runs again the store is sound again.
func TestDamage(t *testing.T) {
	calm := newBox(t)
	calm.run("run", testdata(t, "damaged.py")).want(0)
	want := calm.results(1)
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			flow := testdata(t, "damaged.py")
			b.env = append(b.env, "STOP=1")
			b.run("run", flow).want(1).says("stopped")
			h := damage(b)
			hash := hex.EncodeToString(h[:])
			b.env = append(b.env, "STOP=")

			b.run("resume", flow).want(1).says(hash).silent("result")
			if !strings.HasPrefix(name, "elements") { // which are no artifact
				artifact, _, _ := strings.Cut(name, " ")
				b.run("dump", "--max-value-size", "10000000", "1/start").want(1).says(hash, artifact+" of 1/start/1", "few [", "< artifact damaged >")
				b.run("dump", "--json", "--max-value-size", "10000000", "1/start").want(1).says(hash, `"name":"few"`).silent(`"name":"` + artifact + `"`)
				file := filepath.Join(b.dir, "values.pickle")
				b.run("dump", "--file", file, "1/start").want(1).says(hash)
				if _, err := os.Stat(file); err == nil {
					t.Errorf("dump failed but wrote %s", file)
				}
			}
			b.run("dump", "--include", "few", "1/start").want(0).says("[1, 2]") // what is not damaged is not affected
			b.run("logs", "1/each").want(0).says("stopped")

			// Start runs again and stores the same bytes, which mends them.
			b.run("resume", flow, "start", "--origin-run-id", "1").want(0)
			b.same(b.latest().ID, want)
			if name != "inline flipped" { // run 1 has a record of its own of those
				b.examine()
			}
		})
	}
}

// TestDamagedDatabase destroys pages of the database itself.
func TestDamagedDatabase(t *testing.T) {
	made := newBox(t)
	flow := testdata(t, "damaged.py")
	made.run("run", flow).want(0)
	whole, err := os.ReadFile(filepath.Join(made.home, layout.Database))
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func(data []byte) []byte{
		"no database":  func([]byte) []byte { return bytes.Repeat([]byte("no database "), 1000) },
		"header":       func(data []byte) []byte { copy(data, make([]byte, 100)); return data },
		"schema":       func(data []byte) []byte { copy(data[100:4096], bytes.Repeat([]byte{0xaa}, 4000)); return data },
		"pages":        func(data []byte) []byte { copy(data[4096:], bytes.Repeat([]byte{0x55}, len(data)-4096)); return data },
		"cut short":    func(data []byte) []byte { return data[:len(data)/2] },
		"few bytes":    func([]byte) []byte { return []byte("SQLite") },
		"other schema": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBox(t)
			if err := os.Mkdir(b.home, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(b.home, layout.Database)
			if damage == nil { // a SQLite database of somebody else
				b.change(`CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES ('mine')`)
			} else if err := os.WriteFile(path, damage(bytes.Clone(whole)), 0o644); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			for _, words := range [][]string{{"runs"}, {"dump", "1/start"}, {"logs", "1/end"}, {"resume", flow}, {"run", flow}} {
				c := b.run(words...)
				if c.exit == 0 {
					continue // the damage is not where it looked
				}
				c.want(1)
				all := c.stdout.String() + c.stderr.String()
				if !strings.Contains(all, "damaged") && !strings.Contains(all, "not a Levada store") {
					t.Errorf("levada %s does not say what is wrong:\n%s", words[0], all)
				}
				c.says(path).silent("please report")
			}
			if damage == nil {
				if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
					t.Error("somebody else's database was changed")
				}
			}
			b.alone()
		})
	}
}
