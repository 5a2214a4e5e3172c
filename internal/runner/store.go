package runner

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
)

// Stored is what became of the values of a done frame.
type Stored struct {
	Artifacts []metastore.Artifact
	Blobs     []metastore.Blob // small values, to be recorded with them
}

// nonsense is an error in what a process says, as opposed to one in storing it.
type nonsense struct{ what string }

func (n *nonsense) Error() string { return n.what }

// take stores values whose bytes lie in body or in staged files, and cuts them off body.
func (s *Stored) take(ctx context.Context, data *datastore.Store, staging string, values []protocol.SentValue, body *[]byte) error {
	for _, v := range values {
		art := metastore.Artifact{Name: v.Name, Codec: v.Codec, Type: v.Type}
		if v.Name == "" || v.Codec == "" {
			return &nonsense{"a value has no name or no codec"}
		}
		ref, blob, err := takeOne(ctx, data, staging, &v, body)
		if err != nil {
			return err
		}
		if blob != nil {
			s.Blobs = append(s.Blobs, *blob)
		}
		art.Hash, art.Size, art.Inline = ref.Hash, ref.Size, ref.Inline
		s.Artifacts = append(s.Artifacts, art)
	}
	return nil
}

// takeOne stores one value.
func takeOne(
	ctx context.Context, data *datastore.Store, staging string, v *protocol.SentValue, body *[]byte,
) (ref datastore.Ref, blob *metastore.Blob, err error) {
	if v.Path == "" {
		bytes, err := cut(v, body)
		if err != nil {
			return ref, nil, err
		}
		return data.Keep(ctx, bytes)
	}
	path, err := staged(staging, v.Path)
	if err != nil {
		return ref, nil, err
	}
	ref, err = putFile(ctx, data, path, v.Size)
	return ref, nil, err
}

// cut takes the bytes of a value that lies in a frame off its body.
func cut(v *protocol.SentValue, body *[]byte) ([]byte, error) {
	if v.Length < 0 || v.Length > len(*body) {
		return nil, &nonsense{"artifact " + v.Name + " is longer than the frame"}
	}
	bytes := (*body)[:v.Length:v.Length]
	*body = (*body)[v.Length:]
	return bytes, nil
}

// staged checks that a path that a process names is a file in the staging folder.
func staged(folder, path string) (string, error) {
	clean := filepath.Clean(path)
	if filepath.Dir(clean) != filepath.Clean(folder) {
		return "", &nonsense{"a value is not in the staging folder: " + path}
	}
	switch st, err := os.Lstat(clean); {
	case errors.Is(err, fs.ErrNotExist):
		return "", &nonsense{"there is no such file: " + path}
	case err != nil:
		return "", fault.Of("look up staged file", path, err)
	case !st.Mode().IsRegular(): // a link could lead anywhere, a pipe could be read for ever
		return "", &nonsense{"a value is not a regular file: " + path}
	}
	return clean, nil
}

// putFile stores a staged file of about size bytes.
func putFile(ctx context.Context, data *datastore.Store, path string, size int64) (datastore.Ref, error) {
	if size >= largeValue {
		defer widen()()
	}
	return data.PutFile(ctx, path, datastore.MayCompress)
}
