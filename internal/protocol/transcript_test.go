package protocol

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// recorded is a line of a recorded conversation.
type recorded struct {
	From   string          `json:"from"` // "host" or "worker"
	Header json.RawMessage `json:"header"`
	Body   string          `json:"body"` // base64
}

// The conversations were recorded from the Python SDK. What is in them is what this package knows, no
// less: a field that only one side knows is a mistake in one of them or in README.md.
func TestRecordedConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded conversations: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 1<<24)
			for n := 1; lines.Scan(); n++ {
				var r recorded
				if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
					t.Fatalf("line %d: %v", n, err)
				}
				var kind struct {
					Type  string
					First json.RawMessage
				}
				if err := json.Unmarshal(r.Header, &kind); err != nil {
					t.Fatalf("line %d: %v", n, err)
				}
				seen[r.From+" "+kind.Type] = true
				body, err := base64.StdEncoding.DecodeString(r.Body)
				if err != nil {
					t.Fatalf("line %d: %v", n, err)
				}
				checkFrame(t, n, r, kind.Type, body)
				if kind.First != nil { // the frame that the host would have sent to the process itself
					var first struct{ Type string }
					if err := json.Unmarshal(kind.First, &first); err != nil {
						t.Fatalf("line %d: %v", n, err)
					}
					seen["host "+first.Type] = true
					checkFrame(t, n, recorded{From: r.From, Header: kind.First}, first.Type, body)
				}
			}
			if err := lines.Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, want := range []string{
		"worker hello", "worker definition", "worker forked", "worker exited", "worker get", "worker done",
		"host setup", "host context", "host fork", "host task", "host parameters", "host reply",
	} {
		if !seen[want] {
			t.Errorf("no conversation has a frame %q", want)
		}
	}
}

// checkFrame reads a frame's header strictly and sends the frame over the wire and back.
func checkFrame(t *testing.T, line int, r recorded, kind string, body []byte) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(r.Header))
	d.DisallowUnknownFields()
	m := message(r.From, kind)
	if err := d.Decode(m); err != nil {
		t.Errorf("line %d: %s %s: %v", line, r.From, kind, err)
		return
	}
	wire, err := AppendFrame(nil, m, body)
	if err != nil {
		t.Fatal(err)
	}
	back := message(r.From, kind)
	got, err := ReadFrame(bytes.NewReader(wire), back)
	if err != nil || !bytes.Equal(got, body) {
		t.Errorf("line %d: the frame does not survive the wire: %v", line, err)
	}
}

// message returns what frames of a kind are read into.
func message(from, kind string) any {
	if from == "worker" {
		switch kind {
		case "hello", "definition", "broken", "forked", "exited":
			return new(FromWorker)
		}
		return new(FromTask)
	}
	switch kind {
	case "task":
		return &Task{Context: new(Context)}
	case "parameters", "defaults":
		return new(Parameters)
	case "reply":
		return new(Reply)
	case "setup":
		return new(Setup)
	}
	return new(ToWorker)
}
