package datastore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
)

// itemsFile encodes elements as package protocol says.
func itemsFile(elements [][]byte) []byte {
	var b []byte
	for _, e := range elements {
		b = append(b, e...)
	}
	for _, e := range elements {
		b = binary.LittleEndian.AppendUint64(b, uint64(len(e)))
	}
	return b
}

func wantItems(t interface{ Errorf(string, ...any) }, it *datastore.Items, want [][]byte) {
	if it.Len() != len(want) {
		t.Errorf("%d elements, want %d", it.Len(), len(want))
		return
	}
	for i, w := range want {
		if got, err := it.Read(i); err != nil || !bytes.Equal(got, w) || it.Size(i) != int64(len(w)) {
			t.Errorf("element %d is %q of size %d, %v; want %q", i, got, it.Size(i), err, w)
			return
		}
	}
	for _, i := range []int{-1, len(want)} {
		if _, err := it.Read(i); err == nil || it.Size(i) != 0 {
			t.Errorf("there is an element %d", i)
		}
	}
}

func TestItems(t *testing.T) {
	// Elements that look like lengths must not mislead the search for the lengths.
	element := rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 0, 40),
		rapid.Map(rapid.Uint64Range(0, 64), func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOf(element).Draw(rt, "elements")
		it, err := datastore.NewItems(itemsFile(want))
		if err != nil {
			rt.Fatal(err)
		}
		wantItems(rt, it, want)
	})
}

func TestStoredItems(t *testing.T) {
	var elements [][]byte
	for i := range 20_000 {
		elements = append(elements, fmt.Appendf(nil, "element %d", i))
	}
	for _, n := range []int{0, 1, 100, 5000, 20_000} {
		want := elements[:n]
		data := itemsFile(want)
		s, small, f := onFiles(t)
		open := func(what string, h [32]byte) {
			t.Helper()
			it, err := s.OpenItems(ctx, h)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			wantItems(t, it, want)
			must(t, it.Close())
		}
		ref, err := s.PutFile(ctx, f.stage(t, data), datastore.Plain)
		must(t, err)
		if n <= 1 {
			small[ref.Hash] = data
		}
		open("file", ref.Hash)

		s, small, f = onFiles(t)
		if n > 0 && n <= 100 {
			small[ref.Hash] = data
			open("database", ref.Hash)
		} else if n > 1 {
			ref, err = s.PutFile(ctx, f.stage(t, data), datastore.MayCompress)
			must(t, err)
			open("compressed", ref.Hash)
			if left, err := os.ReadDir(f.staging); err != nil || len(left) != 0 {
				t.Errorf("left in staging: %v, %v", left, err)
			}
		}
	}
}

func FuzzNewItems(f *testing.F) {
	f.Add([]byte{})
	f.Add(itemsFile([][]byte{[]byte("a"), {}, []byte("bc")}))
	f.Add(bytes.Repeat([]byte{0xff}, 16))
	f.Fuzz(func(t *testing.T, data []byte) {
		it, err := datastore.NewItems(data)
		if err != nil {
			var known *fault.Error
			if !errors.As(err, &known) || known.Kind != fault.Invalid {
				t.Fatalf("an error of no expected kind: %v", err)
			}
			return
		}
		var elements [][]byte
		for i := range it.Len() {
			e, err := it.Read(i)
			if err != nil {
				t.Fatal(err)
			}
			elements = append(elements, e)
		}
		if !bytes.Equal(itemsFile(elements), data) {
			t.Fatal("the elements are not what the file holds")
		}
	})
}
