//go:build linux

package faulttest

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// attacks are what the tasks of hostile.py say to the engine, and what is said of their first
// attempts then; nothing if it does no harm.
var attacks = map[string]string{
	"garbage":       "claims",
	"noise":         "more than the limit|not a JSON object",
	"huge_header":   "claims",
	"huge_body":     "claims",
	"false_header":  "exited with code 0 before the step was done",
	"false_body":    "exited with code 0 before the step was done",
	"empty_header":  "not a JSON object",
	"list":          "not a JSON object",
	"null":          "not a JSON object",
	"string":        "not a JSON object",
	"not_json":      "cannot be read",
	"no_type":       "",
	"type_number":   "cannot be read",
	"ok_string":     "cannot be read",
	"float_length":  "cannot be read",
	"huge_number":   "cannot be read",
	"deep":          "cannot be read",
	"deep_ignored":  "cannot be read",
	"unknown":       "",
	"passwd":        "not in the staging folder",
	"relative":      "not in the staging folder",
	"empty_folder":  "not in the staging folder",
	"nul":           "not in the staging folder",
	"symlink":       "not a regular file",
	"device":        "not a regular file",
	"fifo":          "not a regular file",
	"folder":        "not a regular file",
	"nothing":       "no such file|does not exist",
	"beyond":        "longer than the frame",
	"beyond_by_one": "longer than the frame",
	"negative":      "longer than the frame|negative",
	"no_name":       "no name",
	"no_codec":      "no codec",
	"left_over":     "bytes that belong to nothing",
	"same_name":     "two values",
	"odd_names":     "",
	"many":          "",
	"sizes":         "",

	"staging_itself": "not in the staging folder",
	"odd_transition": "the transition cannot be read",
	"foreach":        "",
	"caught":         "exited with code 0|failed",
	"long_value":     "",
	"long_exception": "T",
	"not_utf8":       ": ",
	"twice":          "",
	"then_more":      "",
	"half_closed":    "exited with code 1 before the step was done",
	"flood":          "exited with code 0 before the step was done",
	"flood_metadata": "",
	"get":            "",
	"get_item":       "",
	"get_inputs":     "",
	"input_info":     "",
	"input_names":    "",
	"merge":          "",

	"more_than_there_are":  "not as many elements",
	"fewer_than_there_are": "not as many elements",
	"other_fan":            "not as many elements",
	"large_fan":            "not as many elements",
	"no_fan":               "not as many elements",
	"negative_count":       "not as many elements",
	"large_count":          "not as many elements",
	"wrong_length":         "not as long as announced",
	"negative_length":      "not as long as announced",
	"wrong_lengths":        "lengths|elements",
	"short":                "lengths|elements",
	"no_items":             "no elements",
	"fan_alone":            "no elements",
	"items_passwd":         "not in the staging folder",
	"items_nothing":        "no such file|does not exist",
	"items_folder":         "not a regular file",
	"items_fifo":           "not a regular file",
	"items_symlink":        "not a regular file",
	"items_zeros":          "lengths|elements",
}

// wrongTurns are transitions that the definition does not have. They end the run.
var wrongTurns = map[string]string{
	"wrong_step":    "definition leads to",
	"no_step":       "definition leads to",
	"nowhere":       "definition leads to",
	"both":          "definition leads to",
	"no_transition": "definition leads to",
	"fan":           "neither foreach nor num_parallel",
	"negative_fan":  "neither foreach nor num_parallel",
	"empty":         "zero elements",
}

// TestWrongTurns has tasks go on to where their definition does not lead.
func TestWrongTurns(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	for name, text := range wrongTurns {
		b.setenv("MANNERS", name)
		b.run("run", testdata(t, "hostile.py")).want(1).says("Step failure", text)
	}
	b.alone()
	b.examine()
}

// TestHostileTasks has tasks talk nonsense to the engine: only the attempt that does so fails, and the message says
// what it said; the engine goes on, and keeps no descriptors. Files outside the staging folder are not touched.
func TestHostileTasks(t *testing.T) {
	t.Parallel()
	before, err := os.Stat("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	b := newBox(t)
	b.levada = racing
	b.setenv("MANNERS", strings.Join(slices.Collect(maps.Keys(attacks)), ","))
	c := b.run("run", "--json", "--max-log-size", "1", testdata(t, "hostile.py"))
	b.alone()
	c.want(0).says("all well: ")
	firstAttempts(t, c, attacks)
	b.examine()
	if after, err := os.Stat("/etc/passwd"); err != nil || after.Mode() != before.Mode() || after.Size() != before.Size() {
		t.Errorf("/etc/passwd was touched: %v %v", after, err)
	}
	if left := b.staged(); len(left) > 0 {
		t.Errorf("in staging is left: %v", left)
	}
}
