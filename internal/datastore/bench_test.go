package datastore_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/metastore"
)

// The kinds of large values: noise does not compress, numbers do.
var kinds = map[string]func(i int) []byte{
	"noise": func(i int) []byte {
		b := make([]byte, 1<<20)
		rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)}).Read(b)
		return b
	},
	"numbers": func(i int) []byte {
		b := make([]byte, 0, 1<<20)
		for j := range 1 << 17 {
			b = binary.LittleEndian.AppendUint64(b, uint64(i*1000+j*j%1000))
		}
		return b
	},
}

func writeLarge(b testing.TB, path string, megabytes int, kind func(int) []byte) {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	for i := range megabytes {
		if _, err := f.Write(kind(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGigabyte(b *testing.B) {
	const megabytes = 1 << 10
	ctx := context.Background()
	for name, kind := range kinds {
		b.Run(name, func(b *testing.B) {
			folder := b.TempDir()
			staged := filepath.Join(folder, "staged")
			b.SetBytes(megabytes << 20)
			b.Run("sha256", func(b *testing.B) {
				writeLarge(b, staged, megabytes, kind)
				b.SetBytes(megabytes << 20)
				for b.Loop() {
					f, err := os.Open(staged)
					if err != nil {
						b.Fatal(err)
					}
					h := sha256.New()
					io.Copy(h, f)
					f.Close()
				}
			})
			var ref datastore.Ref
			var s *datastore.Store
			b.Run("put", func(b *testing.B) {
				b.SetBytes(megabytes << 20)
				for i := range b.N {
					b.StopTimer()
					writeLarge(b, staged, megabytes, kind)
					s = datastore.New(nothing{}, file.New(filepath.Join(folder, fmt.Sprint(i))), folder)
					b.StartTimer()
					var err error
					if ref, err = s.PutFile(ctx, staged, datastore.MayCompress); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("file", func(b *testing.B) {
				for b.Loop() {
					if _, _, err := s.File(ctx, ref.Hash); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run("read", func(b *testing.B) {
				b.SetBytes(megabytes << 20)
				for b.Loop() {
					r, err := s.Reader(ctx, ref.Hash)
					if err == nil {
						_, err = io.Copy(io.Discard, r)
					}
					if err != nil {
						b.Fatal(err)
					}
					r.Close()
				}
			})
		})
	}
}

// BenchmarkMerge joins tasks that share a base with a thousand artifacts.
func BenchmarkMerge(b *testing.B) {
	ctx := context.Background()
	for _, inputs := range []int64{10, 1000, 10_000} {
		b.Run(fmt.Sprint(inputs), func(b *testing.B) {
			l := datastore.NewLayers(nil)
			var wide []metastore.Artifact
			for i := range 1000 {
				wide = append(wide, metastore.Artifact{Name: fmt.Sprintf("a%d", i), Hash: metastore.Hash{byte(i)}})
			}
			l.Add(datastore.Layer{Run: 1, Task: 0, Base: -1})
			l.Add(datastore.Layer{Run: 1, Task: 1, Base: 0, Own: wide})
			var ids []int64
			for i := range inputs {
				l.Add(datastore.Layer{Run: 1, Task: 2 + i, Base: 1, Own: []metastore.Artifact{{Name: "own", Hash: metastore.Hash{1}}}})
				ids = append(ids, 2+i)
			}
			for b.Loop() {
				m, err := l.Merge(ctx, 1, ids, nil, nil, nil)
				if err != nil || len(m.Merged) != 1001 {
					b.Fatal(len(m.Merged), err)
				}
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	ctx := context.Background()
	l := datastore.NewLayers(nil)
	var wide []metastore.Artifact
	for i := range 1000 {
		wide = append(wide, metastore.Artifact{Name: fmt.Sprintf("a%d", i)})
	}
	l.Add(datastore.Layer{Run: 1, Task: 0, Base: -1, Own: wide})
	for i := range int64(datastore.MaxDepth - 1) {
		l.Add(datastore.Layer{Run: 1, Task: i + 1, Base: i})
	}
	for b.Loop() {
		if _, ok, err := l.Find(ctx, 1, datastore.MaxDepth-1, "a500"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
