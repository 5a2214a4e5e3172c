package mem_test

import (
	"testing"

	"github.com/levadahq/levada/internal/blob"
	"github.com/levadahq/levada/internal/blob/blobtest"
	"github.com/levadahq/levada/internal/blob/mem"
)

func TestBucket(t *testing.T) {
	blobtest.Test(t, func(*testing.T) blob.Bucket { return mem.New() })
}
