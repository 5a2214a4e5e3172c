package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/levadahq/levada/internal/fault"
)

// unpackSDK puts the SDK's files into a folder of the user's cache that is named after
// their content, and returns it. Files that are there already are left alone, so
// any number of processes may do this at once and an upgrade never changes the SDK of
// a run that goes on.
func unpackSDK(files fs.FS, cache string) (string, error) {
	dir, err := sdkFolder(files, cache)
	if err != nil {
		return "", err
	}
	root := filepath.Dir(dir)
	if unpacked(dir) {
		return dir, nil
	}
	fail := func(err error) (string, error) {
		return "", (&fault.Error{Kind: fault.Permission, Op: "unpack the Python SDK", Subject: dir, Cause: err}).
			Do("set LEVADA_CACHE to a folder that you can write to")
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return fail(err)
	}
	tmp, err := os.MkdirTemp(root, "new-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fail(err)
	}
	if err := os.CopyFS(tmp, files); err != nil {
		return fail(err)
	}
	if err := os.WriteFile(filepath.Join(tmp, complete), nil, 0o644); err != nil {
		return fail(err)
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if !unpacked(dir) {
			return fail(err)
		}
	}
	return dir, nil
}

// sdkFolder is where the SDK is unpacked to.
func sdkFolder(files fs.FS, cache string) (string, error) {
	sum, err := hashFS(files)
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

// unpacked reports whether the SDK is in a folder, whole.
func unpacked(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, complete))
	return err == nil
}

// complete is the file that marks a folder as unpacked to the end.
const complete = ".complete"

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
