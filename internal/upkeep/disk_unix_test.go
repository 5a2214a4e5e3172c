//go:build linux || darwin

package upkeep_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/upkeep"
)

func TestWritable(t *testing.T) {
	home := t.TempDir()
	if err := upkeep.Writable(home); err != nil {
		t.Errorf("a new store: %v", err)
	}
	// What is no folder cannot be entered, not even by root.
	if err := os.WriteFile(filepath.Join(home, "logs"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := upkeep.Writable(home); !fault.Is(err, fault.Permission) {
		t.Errorf("without logs: %v", err)
	}
}
