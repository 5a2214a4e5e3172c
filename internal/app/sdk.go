package app

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/python"
)

// unpackSDK puts the SDK's files into a folder of the user's cache that is named after
// their content, and returns it. Files that are there already are left alone, so
// any number of processes may do this at once and an upgrade never changes the SDK of
// a run that goes on. If some are missing, because the power failed or something cleans up
// among temporary files, all are unpacked again.
func unpackSDK(files fs.FS, cache string) (string, error) {
	dir, err := sdkFolder(files, cache)
	if err != nil {
		return "", err
	}
	if whole(files, dir) {
		return dir, nil
	}
	if err := replaceSDK(files, dir); err != nil {
		return "", (&fault.Error{Kind: fault.Permission, Op: "unpack the Python SDK", Subject: dir, Cause: err}).
			Do("set LEVADA_CACHE to a folder that you can write to")
	}
	return dir, nil
}

// replaceSDK unpacks the SDK beside its folder and puts it in the place of what is there, unless somebody else has done
// so meanwhile.
func replaceSDK(files fs.FS, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	made := filepath.Join(tmp, "sdk")
	if err := os.Mkdir(made, 0o755); err != nil {
		return err
	}
	if err := os.CopyFS(made, files); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(made, complete), nil, 0o644); err != nil {
		return err
	}
	// What is there is moved away only if it is damaged: others may have put it there just now, and use it.
	if err := os.Rename(made, dir); err == nil || whole(files, dir) {
		return nil
	}
	if err := os.Rename(dir, filepath.Join(tmp, "old")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(made, dir); err != nil && !whole(files, dir) {
		return err
	}
	return nil
}

// sdkFolder is where the SDK is unpacked to.
func sdkFolder(files fs.FS, cache string) (string, error) {
	sum, err := sumOf(files)
	if err != nil {
		return "", fault.Wrap(fault.Internal, "read the embedded SDK", err)
	}
	return filepath.Join(cache, "sdk", sum[:16]), nil
}

// damagedSDK returns the files of the SDK that are not in a folder as they were unpacked.
func damagedSDK(files fs.FS, dir string) (damaged []string, err error) {
	err = fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		file := filepath.Join(dir, filepath.FromSlash(path))
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			damaged = append(damaged, file)
		}
		return nil
	})
	return damaged, err
}

// restoreSDK unpacks the SDK again. The damaged one is put aside at once, and so not changed under who uses it.
func restoreSDK(files fs.FS, cache string) error {
	dir, err := sdkFolder(files, cache)
	if err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "old-")
	if err == nil {
		err = os.Rename(dir, filepath.Join(aside, "sdk"))
	}
	if err == nil {
		_, err = unpackSDK(files, cache)
	}
	os.RemoveAll(aside)
	return err
}

// whole reports whether the SDK is in a folder, with all of its files. It does not read them: that would take each
// command time.
func whole(files fs.FS, dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, complete)); err != nil {
		return false
	}
	return fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		want, err := d.Info()
		if err != nil {
			return err
		}
		got, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path)))
		if err == nil && got.Size() != want.Size() {
			err = fs.ErrNotExist
		}
		return err
	}) == nil
}

// complete is the file that marks a folder as unpacked to the end.
const complete = ".complete"

// sumOf returns the hash of files. Each command needs that of the SDK, some several times, and it takes two milliseconds.
func sumOf(files fs.FS) (string, error) {
	if _, ok := files.(embed.FS); ok {
		return sumOfSDK()
	}
	return hashFS(files)
}

var sumOfSDK = sync.OnceValues(func() (string, error) { return hashFS(python.Files) })

func hashFS(files fs.FS) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		h.Write([]byte(path + "\x00"))
		sum := sha256.Sum256(data)
		h.Write(sum[:])
		return nil
	})
	return hex.EncodeToString(h.Sum(nil)), err
}
