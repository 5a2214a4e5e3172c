package datastore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

func files(t *testing.T, s *datastore.Store) (list []datastore.File) {
	t.Helper()
	for f, err := range s.Files(ctx) {
		must(t, err)
		list = append(list, f)
	}
	return list
}

func TestDeleteFiles(t *testing.T) {
	s, _, f := onFiles(t)
	var hashes []metastore.Hash
	for _, text := range []string{"needed", "old", "renewed"} {
		ref, err := s.Put(ctx, []byte(strings.Repeat(text, 20_000)))
		must(t, err)
		hashes = append(hashes, ref.Hash)
	}
	moment := blob.Now()
	young, err := s.Put(ctx, bytes.Repeat([]byte("young"), 20_000))
	must(t, err)
	// Whoever stores what is there already relies on it from now on.
	_, err = s.Put(ctx, []byte(strings.Repeat("renewed", 20_000)))
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(f.root, "blobs", "zz"), 0o777))
	must(t, os.WriteFile(filepath.Join(f.root, "blobs", "zz", "notablob"), []byte("x"), 0o666))

	all := files(t, s)
	if len(all) != 4 {
		t.Fatalf("%d files, want 4: %v", len(all), all)
	}
	asked := 0
	guard := func(context.Context) (map[metastore.Hash]bool, time.Time, error) {
		asked++
		return map[metastore.Hash]bool{hashes[0]: true}, moment, nil
	}
	none := func(f datastore.File, err error) { t.Errorf("%x cannot be deleted: %v", f.Hash, err) }
	freed, err := s.DeleteFiles(ctx, all, guard, none)
	must(t, err)
	var want int64
	for _, f := range all {
		if f.Hash == hashes[1] {
			want = f.Size
		}
	}
	if asked != 1 || freed != want {
		t.Errorf("%d bytes were freed, want %d; the guard was asked %d times", freed, want, asked)
	}
	for i, kept := range []bool{true, false, true} {
		_, err := s.Blob(ctx, hashes[i])
		if kept != (err == nil) {
			t.Errorf("file %d: %v", i, err)
		}
	}
	if _, err := s.Blob(ctx, young.Hash); err != nil {
		t.Error(err)
	}
	// A collection that cannot find out what is needed deletes nothing.
	broken := fault.New(fault.Permission, "no")
	_, err = s.DeleteFiles(ctx, files(t, s), func(context.Context) (map[metastore.Hash]bool, time.Time, error) {
		return nil, time.Time{}, broken
	}, none)
	if !fault.Is(err, fault.Permission) || len(files(t, s)) != 3 {
		t.Errorf("%v; files: %v", err, files(t, s))
	}
}

func TestInspectAndMend(t *testing.T) {
	right := bytes.Repeat([]byte("0123456789"), 100)
	wrong := bytes.Repeat([]byte("012345678x"), 100)
	h := metastore.Hash(sha256.Sum256(right))
	for name, c := range map[string]struct {
		row, file []byte // nil: not there
		right     int
		damaged   int
		mended    bool
	}{
		"nowhere":                        {nil, nil, 0, 0, false},
		"row":                            {right, nil, 1, 0, true},
		"file":                           {nil, right, 1, 0, true},
		"both":                           {right, right, 2, 0, true},
		"a damaged row":                  {wrong, nil, 0, 1, false},
		"a damaged file":                 {nil, wrong, 0, 1, false},
		"a damaged row and a file":       {wrong, right, 1, 1, true},
		"a row and a damaged file":       {right, wrong, 1, 1, true},
		"a damaged row and file":         {wrong, wrong, 0, 2, false},
		"a row and a file that is short": {right, right[:10], 1, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			s, small, f := onFiles(t)
			if c.row != nil {
				small[h] = c.row
			}
			if c.file != nil {
				_, err := s.PutFile(ctx, f.stage(t, right), datastore.Plain)
				must(t, err)
				x := hex.EncodeToString(h[:])
				path := filepath.Join(f.root, "blobs", x[:2], x[2:])
				must(t, os.Chmod(path, 0o666))
				must(t, os.WriteFile(path, c.file, 0o666))
			}
			got, err := s.Inspect(ctx, h)
			must(t, err)
			if got.Right != c.right || len(got.Damaged) != c.damaged {
				t.Fatalf("there are %d right copies and damaged ones in %v, want %d and %d", got.Right, got.Damaged, c.right, c.damaged)
			}
			b, err := s.Mend(ctx, h, got)
			must(t, err)
			if b != nil {
				small[b.Hash] = b.Data
			}
			again, err := s.Inspect(ctx, h)
			must(t, err)
			if (again.Right > 0 && len(again.Damaged) == 0) != c.mended {
				t.Errorf("after mending: %+v", again)
			}
			if !c.mended && len(again.Damaged) != c.damaged {
				t.Errorf("what could not be mended was changed: %+v", again)
			}
		})
	}
}
