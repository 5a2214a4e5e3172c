package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/levadahq/levada/internal/fault"
)

func frame(t testing.TB, header any, body ...[]byte) []byte {
	t.Helper()
	b, err := AppendFrame(nil, header, body...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFramesSurviveTheWire(t *testing.T) {
	big := bytes.Repeat([]byte("levada"), 100_000)
	wire := append(frame(t, FromTask{Type: "get", ID: 7, Name: "x"}), frame(t, Reply{Type: "reply", ID: 7}, big, []byte("tail"))...)
	r := iotest.OneByteReader(bytes.NewReader(wire))
	var get FromTask
	if body, err := ReadFrame(r, &get); err != nil || body != nil || get.ID != 7 || get.Name != "x" {
		t.Fatalf("got %+v, %d bytes, %v", get, len(body), err)
	}
	var reply Reply
	body, err := ReadFrame(r, &reply)
	if err != nil || reply.ID != 7 || !bytes.Equal(body, append(big, "tail"...)) {
		t.Fatalf("got %+v, %d bytes, %v", reply, len(body), err)
	}
	if _, err := ReadFrame(r, &reply); err != io.EOF {
		t.Fatalf("after the last frame: %v, want io.EOF", err)
	}
}

func TestHostileFrames(t *testing.T) {
	prefix := func(h, b uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, h), b)
	}
	for name, wire := range map[string][]byte{
		"half a prefix":      {0, 0, 0},
		"half a header":      append(prefix(10, 0), "{}"...),
		"half a body":        append(prefix(2, 10), "{}abc"...),
		"no header":          prefix(0, 0),
		"header too long":    prefix(MaxHeader+1, 0),
		"body too long":      prefix(2, MaxBody+1),
		"not an object":      append(prefix(2, 0), "[]"...),
		"not JSON":           append(prefix(3, 0), "{a}"...),
		"wrong field type":   append(prefix(13, 0), `{"type":[{}]}`...),
		"a large false size": append(prefix(MaxHeader, MaxBody), "{"...),
	} {
		t.Run(name, func(t *testing.T) {
			var m FromTask
			_, err := ReadFrame(bytes.NewReader(wire), &m)
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("got %v, want a fault of kind invalid", err)
			}
		})
	}
}

func TestFramesAboveTheLimitAreNotSent(t *testing.T) {
	if _, err := AppendFrame(nil, ToWorker{}, make([]byte, MaxBody+1)); err == nil {
		t.Error("a body above the limit was encoded")
	}
	if _, err := AppendFrame(nil, ToWorker{Type: strings.Repeat("x", MaxHeader)}); err == nil {
		t.Error("a header above the limit was encoded")
	}
}

// A false length must not take memory before bytes arrive.
func TestFalseLengthsCostNothing(t *testing.T) {
	wire := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 2), MaxBody)
	wire = append(wire, "{}"...)
	n := testing.AllocsPerRun(10, func() {
		var m FromTask
		if _, err := ReadFrame(bytes.NewReader(wire), &m); err == nil {
			t.Error("no error")
		}
	})
	if n > 50 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frame(f, FromTask{Type: "done", OK: true, Artifacts: []SentValue{{Name: "x", Length: 1}}}, []byte("a")))
	f.Add(frame(f, FromWorker{Type: "exited", ID: 3, UTime: 0.5}))
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, '{'})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for range 4 {
			var m FromTask
			body, err := ReadFrame(r, &m)
			if err != nil {
				if !errors.Is(err, io.EOF) && !fault.Is(err, fault.Invalid) {
					t.Fatalf("an error of no expected kind: %v", err)
				}
				return
			}
			again, err := AppendFrame(nil, &m, body)
			if err != nil {
				t.Fatal(err)
			}
			var back FromTask
			if body2, err := ReadFrame(bytes.NewReader(again), &back); err != nil || !bytes.Equal(body, body2) {
				t.Fatalf("a frame that was read cannot be sent again: %v", err)
			}
		}
	})
}
