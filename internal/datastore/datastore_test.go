package datastore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/blob/mem"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

var ctx = context.Background()

// smallBlobs stands for the database.
type smallBlobs map[metastore.Hash][]byte

func (m smallBlobs) Blob(_ context.Context, h metastore.Hash) ([]byte, error) {
	if data, ok := m[h]; ok {
		return data, nil
	}
	return nil, fault.New(fault.NotFound, "no blob")
}

type nothing = smallBlobs

// folders are where a store over files keeps what it has.
type folders struct{ root, staging string }

func onFiles(t testing.TB) (*datastore.Store, smallBlobs, folders) {
	small := smallBlobs{}
	f := folders{root: filepath.Join(t.TempDir(), "root"), staging: filepath.Join(t.TempDir(), "staging")}
	return datastore.New(small, file.New(f.root), f.staging), small, f
}

func (f folders) stage(t testing.TB, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(f.staging, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(f.staging, "1-0-0")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// files returns the stored files, by path.
func (f folders) files(t testing.TB) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(f.root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			list = append(list, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return list
}

func noise(n int) []byte {
	b := kinds["noise"](n)
	for len(b) < n {
		b = append(b, b...)
	}
	return b[:n]
}

func text(n int) []byte { return bytes.Repeat([]byte("as compressible as can be "), n/26+1)[:n] }

func wantKind(t testing.TB, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: error %v, want kind %q", what, err, kind)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var sizes = []int{
	0, 1, metastore.InlineLimit, metastore.InlineLimit + 1, datastore.SmallLimit, datastore.SmallLimit + 1, 1 << 20, 3<<20 + 7,
}

func TestPrepare(t *testing.T) {
	for _, n := range sizes {
		data := noise(n)
		ref, b := datastore.Prepare(data)
		if ref.Hash != sha256.Sum256(data) || ref.Size != int64(n) {
			t.Errorf("%d bytes: %+v", n, ref)
		}
		if inline := n <= metastore.InlineLimit; inline != (ref.Inline != nil) || inline && !bytes.Equal(ref.Inline, data) {
			t.Errorf("%d bytes: inline %d", n, len(ref.Inline))
		}
		if small := n > metastore.InlineLimit && n <= datastore.SmallLimit; small != (b != nil) || small && !bytes.Equal(b.Data, data) {
			t.Errorf("%d bytes: blob %v", n, b != nil)
		}
	}
}

// store puts bytes where they belong, as a runner does.
func store(t testing.TB, s *datastore.Store, small smallBlobs, data []byte) metastore.Artifact {
	t.Helper()
	ref, b, err := s.Keep(ctx, data)
	must(t, err)
	if b != nil {
		small[b.Hash] = b.Data
	}
	return metastore.Artifact{Name: "x", Hash: ref.Hash, Size: ref.Size, Inline: ref.Inline}
}

func TestKeepApart(t *testing.T) {
	for _, n := range sizes {
		small := smallBlobs{}
		s := datastore.New(small, mem.New(), t.TempDir())
		data := noise(n)
		ref, b, err := s.KeepApart(ctx, data)
		must(t, err)
		if b != nil {
			small[b.Hash] = b.Data
		}
		if got, err := s.Blob(ctx, ref.Hash); err != nil || !bytes.Equal(got, data) || (b != nil) != (n <= datastore.SmallLimit) {
			t.Errorf("%d bytes: %d come back, %v; blob %v", n, len(got), err, b != nil)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	onMemory := func(t *testing.T) (*datastore.Store, smallBlobs) {
		small := smallBlobs{}
		return datastore.New(small, mem.New(), t.TempDir()), small
	}
	for _, kind := range []func(int) []byte{noise, text} {
		for _, n := range sizes {
			data := kind(n)
			for _, open := range []func(*testing.T) (*datastore.Store, smallBlobs){
				onMemory,
				func(t *testing.T) (*datastore.Store, smallBlobs) { s, small, _ := onFiles(t); return s, small },
			} {
				s, small := open(t)
				a := store(t, s, small, data)
				got, err := s.Bytes(ctx, a)
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes come back as %d, %v", n, len(got), err)
				}
				if n <= metastore.InlineLimit {
					continue
				}
				r, err := s.Reader(ctx, a.Hash)
				must(t, err)
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes are read as %d, %v", n, len(got), err)
				}
				must(t, r.Close())
			}
		}
	}
}

func TestPutFile(t *testing.T) {
	for name, kind := range map[string]func(int) []byte{"noise": noise, "text": text} {
		for _, packing := range []datastore.Packing{datastore.MayCompress, datastore.Plain} {
			for _, n := range sizes {
				s, _, f := onFiles(t)
				data := kind(n)
				path := f.stage(t, data)
				ref, err := s.PutFile(ctx, path, packing)
				must(t, err)
				if left, err := os.ReadDir(f.staging); err != nil || len(left) != 0 {
					t.Errorf("%d bytes of %s left %v", n, name, left)
				}
				if ref.Hash != sha256.Sum256(data) || ref.Size != int64(n) {
					t.Errorf("%d bytes of %s: %+v", n, name, ref)
				}
				got, err := s.Bytes(ctx, metastore.Artifact{Hash: ref.Hash, Size: ref.Size, Inline: ref.Inline})
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%d bytes of %s come back as %d, %v", n, name, len(got), err)
				}
				if n <= metastore.InlineLimit {
					continue
				}
				at, plain, err := s.File(ctx, ref.Hash)
				must(t, err)
				if want := packing == datastore.Plain || name == "noise"; plain != want {
					t.Errorf("%d bytes of %s with packing %d: plain is %v", n, name, packing, plain)
				} else if plain {
					if got, err := os.ReadFile(at); err != nil || !bytes.Equal(got, data) {
						t.Errorf("%s holds %d bytes, %v", at, len(got), err)
					}
				} else if st, err := os.Stat(f.files(t)[0]); err != nil || st.Size() > int64(n)/2 {
					t.Errorf("%d bytes of %s are stored in %d, %v", n, name, st.Size(), err)
				}
			}
		}
	}
}

func TestSameBytesAreStoredOnce(t *testing.T) {
	for _, kind := range []func(int) []byte{noise, text} {
		s, _, f := onFiles(t)
		data := kind(300_000)
		for range 3 {
			_, err := s.PutFile(ctx, f.stage(t, data), datastore.MayCompress)
			must(t, err)
			_, err = s.PutFile(ctx, f.stage(t, data), datastore.Plain)
			must(t, err)
			_, err = s.Put(ctx, data)
			must(t, err)
		}
		if got := f.files(t); len(got) != 1 {
			t.Errorf("stored files: %v", got)
		}
		if left, err := os.ReadDir(f.staging); err != nil || len(left) != 0 {
			t.Errorf("left in staging: %v, %v", left, err)
		}
	}
}

func TestKeys(t *testing.T) {
	s, _, f := onFiles(t)
	data := noise(100_000)
	_, err := s.Put(ctx, data)
	must(t, err)
	h := sha256.Sum256(data)
	x := hex.EncodeToString(h[:])
	want := filepath.Join(f.root, "blobs", x[:2], x[2:])
	if got := f.files(t); len(got) != 1 || got[0] != want {
		t.Errorf("stored in %v, want %s", got, want)
	}
}

func TestNotThere(t *testing.T) {
	s, _, f := onFiles(t)
	h := metastore.Hash{1}
	_, err := s.Bytes(ctx, metastore.Artifact{Hash: h, Size: 1000})
	wantKind(t, "Bytes", err, fault.NotFound)
	_, err = s.Blob(ctx, h)
	wantKind(t, "Blob", err, fault.NotFound)
	_, err = s.Reader(ctx, h)
	wantKind(t, "Reader", err, fault.NotFound)
	_, _, err = s.File(ctx, h)
	wantKind(t, "File", err, fault.NotFound)
	_, err = s.OpenItems(ctx, h)
	wantKind(t, "OpenItems", err, fault.NotFound)
	_, err = s.PutFile(ctx, filepath.Join(f.staging, "absent"), datastore.Plain)
	wantKind(t, "PutFile", err, fault.NotFound)
}

// TestDamage flips bytes of what is stored.
func TestDamage(t *testing.T) {
	for name, kind := range map[string]func(int) []byte{"noise": noise, "text": text} {
		s, _, f := onFiles(t)
		data := kind(200_000)
		ref, err := s.PutFile(ctx, f.stage(t, data), datastore.MayCompress)
		must(t, err)
		path := f.files(t)[0]
		whole, err := os.ReadFile(path)
		must(t, err)
		rapid.Check(t, func(rt *rapid.T) {
			damaged := bytes.Clone(whole)
			switch rapid.IntRange(0, 2).Draw(rt, "damage") {
			case 0:
				damaged[rapid.IntRange(0, len(damaged)-1).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "by"))
			case 1:
				damaged = damaged[:rapid.IntRange(0, len(damaged)-1).Draw(rt, "length")]
			case 2:
				damaged = append(damaged, rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "more")...)
			}
			must(t, os.Chmod(path, 0o644))
			must(t, os.WriteFile(path, damaged, 0o644))
			check := func(what string, got []byte, err error) {
				if err == nil && bytes.Equal(got, data) {
					return // a byte of the compressed form that does not matter
				}
				if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), hex.EncodeToString(ref.Hash[:])) || !strings.Contains(err.Error(), path) {
					rt.Errorf("%s of damaged %s: %d bytes, error %v", what, name, len(got), err)
				}
			}
			got, err := s.Bytes(ctx, metastore.Artifact{Hash: ref.Hash, Size: ref.Size})
			check("Bytes", got, err)
			r, err := s.Reader(ctx, ref.Hash)
			if err == nil {
				got, err = io.ReadAll(r)
				r.Close()
			}
			check("Reader", got, err)
			at, plain, err := s.File(ctx, ref.Hash)
			if err != nil || plain {
				got, _ = os.ReadFile(at)
				check("File", got, err)
			}
		})
	}
}

func TestDamageOfSmallValues(t *testing.T) {
	s, small, _ := onFiles(t)
	a := store(t, s, small, noise(1000))
	small[a.Hash] = noise(1001)
	_, err := s.Bytes(ctx, a)
	wantKind(t, "Bytes from the database", err, fault.Corrupt)
	_, err = s.Reader(ctx, a.Hash)
	wantKind(t, "Reader from the database", err, fault.Corrupt)
	a = store(t, s, small, []byte("inline"))
	a.Inline = []byte("inlinf")
	_, err = s.Bytes(ctx, a)
	wantKind(t, "Bytes of a record", err, fault.Corrupt)
}

func TestStoringAgainMendsAShortFile(t *testing.T) {
	s, _, f := onFiles(t)
	data := noise(200_000)
	ref, err := s.Put(ctx, data)
	must(t, err)
	path := f.files(t)[0]
	must(t, os.Chmod(path, 0o644))
	must(t, os.Truncate(path, 1000))
	_, err = s.PutFile(ctx, f.stage(t, data), datastore.MayCompress)
	must(t, err)
	if got, err := s.Blob(ctx, ref.Hash); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// beside is a bucket in which others do something just before a damaged file is deleted.
type beside struct {
	*file.Bucket
	others func()
}

func (b *beside) Delete(ctx context.Context, key string) error {
	b.others()
	return b.Bucket.Delete(ctx, key)
}

func (b *beside) Reclaim(ctx context.Context, f func(blob.Deleter) error) error {
	b.others()
	return b.Bucket.Reclaim(ctx, f)
}

// TestTwoFindTheSameDamage: what one has stored again, and relies on, is not deleted by the other.
func TestTwoFindTheSameDamage(t *testing.T) {
	s, small, f := onFiles(t)
	data := noise(200_000)
	ref, err := s.Put(ctx, data)
	must(t, err)
	damage := func() {
		path := f.files(t)[0]
		must(t, os.Chmod(path, 0o644))
		must(t, os.Truncate(path, 1000))
	}
	again := func() {
		if _, err := s.Put(ctx, data); err != nil {
			t.Error(err)
		}
	}
	other := datastore.New(small, &beside{file.New(f.root), sync.OnceFunc(again)}, f.staging)

	damage()
	there, err := other.Settle(ctx, ref)
	must(t, err)
	if got, err := s.Blob(ctx, ref.Hash); err != nil || !bytes.Equal(got, data) {
		t.Errorf("it was there: %v; then: %d bytes, %v", there, len(got), err)
	}

	damage()
	small[ref.Hash] = data // so that the file may be repaired
	other = datastore.New(small, &beside{file.New(f.root), sync.OnceFunc(again)}, f.staging)
	copies, err := other.Inspect(ctx, ref.Hash)
	must(t, err)
	_, err = other.Mend(ctx, ref.Hash, copies)
	must(t, err)
	if _, plain, err := s.File(ctx, ref.Hash); err != nil || !plain {
		t.Errorf("after the repair: %v", err)
	}
}

// TestTwoDamagedCopies: both are replaced, or the bytes would be taken for those of the one that stayed.
func TestTwoDamagedCopies(t *testing.T) {
	s, _, f := onFiles(t)
	data := text(200_000)
	ref, err := s.PutFile(ctx, f.stage(t, data), datastore.Plain)
	must(t, err)
	plain := f.files(t)[0]
	must(t, os.WriteFile(plain+".zst", []byte("nonsense"), 0o644))
	must(t, os.Chmod(plain, 0o644))
	must(t, os.Truncate(plain, 1000))
	_, err = s.PutFile(ctx, f.stage(t, data), datastore.MayCompress)
	must(t, err)
	if got, err := s.Blob(ctx, ref.Hash); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestFileIsReadOnce checks that a file is verified again only when it has changed.
func TestFileIsReadOnce(t *testing.T) {
	_, _, f := onFiles(t)
	bucket := file.New(f.root)
	data := noise(200_000)
	ref, err := datastore.New(nothing{}, bucket, f.staging).Put(ctx, data)
	must(t, err)
	path := f.files(t)[0]

	s := datastore.New(nothing{}, bucket, f.staging) // another process, which has not stored it
	_, _, err = s.File(ctx, ref.Hash)
	must(t, err)
	before, err := os.Stat(path)
	must(t, err)
	must(t, os.Chmod(path, 0o644))
	data[1000]++
	must(t, os.WriteFile(path, data, 0o644))
	must(t, os.Chtimes(path, before.ModTime(), before.ModTime()))
	_, _, err = s.File(ctx, ref.Hash)
	wantKind(t, "File after a change that hides its time", err, fault.Corrupt)
}

func TestConcurrentUse(t *testing.T) {
	s, _, f := onFiles(t)
	must(t, os.MkdirAll(f.staging, 0o777))
	data := [][]byte{noise(100_000), noise(100_001), text(100_000)}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			d := data[i%3]
			path := filepath.Join(f.staging, string(rune('a'+i)))
			if err := os.WriteFile(path, d, 0o666); err != nil {
				t.Error(err)
				return
			}
			ref, err := s.PutFile(ctx, path, datastore.MayCompress)
			if err != nil {
				t.Error(err)
				return
			}
			if _, _, err := s.File(ctx, ref.Hash); err != nil {
				t.Error(err)
			}
			if got, err := s.Blob(ctx, ref.Hash); err != nil || !bytes.Equal(got, d) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	wg.Wait()
	if got := f.files(t); len(got) != 3 {
		t.Errorf("stored files: %v", got)
	}
}

// otherDisk is a bucket to which files cannot be renamed.
type otherDisk struct{ blob.Bucket }

func TestPutFileInABucketWithoutFiles(t *testing.T) {
	for _, kind := range []func(int) []byte{noise, text} {
		_, _, f := onFiles(t)
		s := datastore.New(nothing{}, otherDisk{file.New(f.root)}, f.staging)
		data := kind(200_000)
		ref, err := s.PutFile(ctx, f.stage(t, data), datastore.MayCompress)
		must(t, err)
		if got, err := s.Blob(ctx, ref.Hash); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if _, plain, err := s.File(ctx, ref.Hash); plain || err != nil {
			t.Errorf("File says %v, %v", plain, err)
		}
		if left, err := os.ReadDir(f.staging); err != nil || len(left) != 0 {
			t.Errorf("left in staging: %v, %v", left, err)
		}
	}
}

// breaking is a bucket of which no value can be read to its end.
type breaking struct{ blob.Bucket }

func (b breaking) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := b.Bucket.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	broken := iotest.ErrReader(fault.New(fault.Interrupted, "it was broken off"))
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r, 100), broken), r}, nil
}

// A value that could not be read to its end is not a damaged one.
func TestReadingIsBrokenOff(t *testing.T) {
	for name, data := range map[string][]byte{"plain": noise(200_000), "compressed": text(200_000)} {
		bucket := mem.New()
		ref, err := datastore.New(nothing{}, bucket, t.TempDir()).Put(ctx, data)
		must(t, err)
		_, err = datastore.New(nothing{}, breaking{bucket}, t.TempDir()).Blob(ctx, ref.Hash)
		wantKind(t, name, err, fault.Interrupted)
	}
}

func TestCanceled(t *testing.T) {
	s, _, f := onFiles(t)
	dead, cancel := context.WithCancel(ctx)
	cancel()
	for _, kind := range []func(int) []byte{noise, text} {
		_, err := s.PutFile(dead, f.stage(t, kind(200_000)), datastore.MayCompress)
		wantKind(t, "PutFile", err, fault.Interrupted)
	}
	if left, err := os.ReadDir(f.staging); err != nil || len(left) != 1 {
		t.Errorf("left in staging: %v, %v; want the file that was to be stored", left, err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("abc"), 3)
	f.Add(noise(100), 2000)
	f.Fuzz(func(t *testing.T, data []byte, times int) {
		if times < 0 || times > 1000 || len(data)*times > 4<<20 {
			return
		}
		s, small, _ := onFiles(t)
		data = bytes.Repeat(data, times)
		a := store(t, s, small, data)
		if got, err := s.Bytes(ctx, a); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes come back as %d, %v", len(data), len(got), err)
		}
	})
}
