package app

import (
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
	sum, err := hashFS(files)
	if err != nil {
		return "", fault.Wrap(fault.Internal, "read the embedded SDK", err)
	}
	root := filepath.Join(cache, "sdk")
	dir := filepath.Join(root, sum[:16])
	if _, err := os.Stat(filepath.Join(dir, complete)); err == nil {
		return dir, nil
	}
	unpacked := func(err error) (string, error) {
		return "", (&fault.Error{Kind: fault.Permission, Op: "unpack the Python SDK", Subject: dir, Cause: err}).
			Do("name a folder that can be written with LEVADA_CACHE")
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return unpacked(err)
	}
	tmp, err := os.MkdirTemp(root, "new-")
	if err != nil {
		return unpacked(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return unpacked(err)
	}
	if err := os.CopyFS(tmp, files); err != nil {
		return unpacked(err)
	}
	if err := os.WriteFile(filepath.Join(tmp, complete), nil, 0o644); err != nil {
		return unpacked(err)
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, there := os.Stat(filepath.Join(dir, complete)); there != nil {
			return unpacked(err)
		}
	}
	return dir, nil
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
