// Package tasklog is the format of an attempt's log: what a task printed on its two
// streams, line by line, with the time of each, exactly as it was printed.
//
// A log is a header of four bytes ("LVL" and the version, 1) and then records:
//
//	uvarint  milliseconds since the record before, or since 1970 for the first; zigzag
//	uvarint  length of the text × 4 + 2 if the line ended with a newline + 1 if it is stderr
//	text
//
// A record is a line or, of a line too long to be held, a part of one. Logs are only ever
// appended to, so a log may be read while it is written: an incomplete record at
// its end is not there yet, and no error. Short logs live in the database, long ones
// in files, in the same format.
//
// A log that is finished ends with a seal, the checksum of its bytes, so that it is noticed if some of them change.
// The seal is a record that is never completed: it has no line of text for any reader, and programs that know of no
// seals, which may read this store too, pass it by. It claims nine bytes of text, and eight follow:
//
//	"\x00sum"
//	uint32   CRC-32C of all before the text, little-endian
package tasklog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// MaxText is the size in bytes of the longest text of one record.
const MaxText = 1 << 20

const header = "LVL\x01"

// A seal's text begins with sealMark and is shorter by one byte than it claims.
const (
	sealMark = "\x00sum"
	sealSize = len(sealMark) + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Truncated is the line that ends a stream of which more was printed than is kept.
const Truncated = "[TRUNCATED - MAXIMUM LOG FILE SIZE REACHED]"

// Stream is one of a task's two streams.
type Stream uint8

// The streams.
const (
	Stdout Stream = iota
	Stderr
)

// String returns "stdout" or "stderr".
func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// Line is a line of a log, or a part of one that was too long.
type Line struct {
	Time    time.Time // when it was read from the task, to the millisecond
	Stream  Stream
	Text    []byte // without the newline; valid until the next line is read
	Newline bool   // whether the line ended here
}

// FileName is the name of the file with the log of an attempt, in the folder of its run.
func FileName(task int64, attempt int) string { return fmt.Sprintf("%d-%d.log", task, attempt) }

// ParseFileName tells of which attempt a file is the log; ok is false for a file that is none.
func ParseFileName(name string) (task int64, attempt int, ok bool) {
	base, isLog := strings.CutSuffix(name, ".log")
	one, other, both := strings.Cut(base, "-")
	task, err := strconv.ParseInt(one, 10, 64)
	n, err2 := strconv.ParseInt(other, 10, 32)
	attempt = int(n)
	return task, attempt, isLog && both && err == nil && err2 == nil && task >= 0 && attempt >= 0 && FileName(task, attempt) == name
}

// Writer encodes a log. The zero Writer begins one.
type Writer struct {
	last    int64 // time of the record before, ms
	started bool
	sum     uint32 // of the bytes so far
}

// Append appends a record to buf, before the first one the header. Text longer than
// MaxText becomes several records.
func (w *Writer) Append(buf []byte, l Line) []byte {
	start := len(buf)
	if !w.started {
		w.started = true
		buf = append(buf, header...)
	}
	for len(l.Text) > MaxText {
		part := l
		part.Text, part.Newline = l.Text[:MaxText], false
		buf = w.record(buf, part)
		l.Text = l.Text[MaxText:]
	}
	buf = w.record(buf, l)
	w.sum = crc32.Update(w.sum, castagnoli, buf[start:])
	return buf
}

// End appends the seal of a log to which nothing more is appended. One that has no record needs none.
func (w *Writer) End(buf []byte) []byte {
	if !w.started {
		return buf
	}
	start := len(buf)
	buf = binary.AppendVarint(buf, 0)
	buf = binary.AppendUvarint(buf, uint64(sealSize+1)<<2)
	w.sum = crc32.Update(w.sum, castagnoli, buf[start:])
	return binary.LittleEndian.AppendUint32(append(buf, sealMark...), w.sum)
}

func (w *Writer) record(buf []byte, l Line) []byte {
	ms := l.Time.UnixMilli()
	buf = binary.AppendVarint(buf, ms-w.last)
	w.last = ms
	n := uint64(len(l.Text))<<2 | uint64(l.Stream&1)
	if l.Newline {
		n |= 2
	}
	buf = binary.AppendUvarint(buf, n)
	return append(buf, l.Text...)
}

// Read yields the lines of a log. One that is damaged ends with a fault of kind Corrupt.
func Read(log []byte) iter.Seq2[Line, error] { return read(&source{r: bytes.NewReader(log)}) }

const restore = "The disk was full then or is failing, or something other than Levada changed it. Restore it from a backup, or run the step again."

// Whole yields the lines of a log that is finished, and then a fault of kind Corrupt if they are fewer than were
// written. Of a log of which more was printed than is kept, that is not known. where names the log.
func Whole(log iter.Seq2[Line, error], written int64, where string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		var n int64
		for l, err := range log {
			if n++; string(l.Text) == Truncated {
				written = 0
			}
			if !yield(l, named(err, where)) || err != nil {
				return
			}
		}
		if n < written {
			yield(Line{}, &fault.Error{
				Kind: fault.Corrupt, Op: "read log", Subject: where, Message: fmt.Sprintf("it has %d of the %d lines that were written", n, written),
				Hint: restore,
			})
		}
	}
}

// ReadFile yields the lines of the log in a file; none if there is no such file.
func ReadFile(path string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) { (&Tail{Path: path}).Lines()(yield) }
}

func read(r *source) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		if ok, err := readHeader(r); !ok {
			if err != nil {
				yield(Line{}, err)
			}
			return
		}
		var ms int64
		var text []byte
		for {
			l, at, more, err := readRecord(r, ms, &text)
			if err != nil {
				yield(Line{}, err)
				return
			}
			if ms = at; !more || !yield(l, nil) {
				return
			}
		}
	}
}

// readHeader reads the beginning of a log. It is not ok if the log is not yet written so far, or with an error.
func readHeader(r *source) (ok bool, err error) {
	var head [len(header)]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return false, ended(err)
	}
	if string(head[:]) != header {
		return false, damaged("it does not begin as a log of version 1")
	}
	return true, nil
}

// readRecord reads the record after one of the time ms, and its own time. There is no more if the log ends here so
// far. The text is kept in buffer.
func readRecord(r *source, ms int64, buffer *[]byte) (l Line, at int64, more bool, err error) {
	delta, err := binary.ReadVarint(r)
	if err != nil {
		return l, ms, false, ended(err)
	}
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return l, ms, false, ended(err)
	}
	size := n >> 2
	if size > MaxText {
		return l, ms, false, damaged("a line claims %d bytes", size)
	}
	if uint64(cap(*buffer)) < size {
		*buffer = make([]byte, size)
	}
	text, sum := (*buffer)[:size], r.sum
	if got, err := io.ReadFull(r, text); err != nil {
		if broken(text[:got], sum) {
			return l, ms, false, changed()
		}
		return l, ms, false, ended(err)
	}
	ms += delta
	return Line{Time: time.UnixMilli(ms), Stream: Stream(n & 1), Text: text, Newline: n&2 != 0}, ms, true, nil
}

// broken reports whether the text of a record that is not complete is a seal, and is not that of the bytes before it.
func broken(text []byte, sum uint32) bool {
	return len(text) == sealSize && string(text[:len(sealMark)]) == sealMark && binary.LittleEndian.Uint32(text[len(sealMark):]) != sum
}

// changed is the fault of a log whose seal is broken.
func changed() error {
	return &fault.Error{Kind: fault.Corrupt, Op: "read log", Message: "some of the log is not what was written: its checksum is another", Hint: restore}
}

// ended is what an error of reading means: nil if it only says that the log ends here so far.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return unreadable(err)
	}
	return damaged("%v", err)
}

// unreadable is the fault of a file that the operating system does not read.
func unreadable(err error) error {
	kind := fault.Internal
	if errors.Is(err, fs.ErrPermission) {
		kind = fault.Permission
	}
	return fault.Wrap(kind, "read log", err)
}

func damaged(format string, args ...any) error {
	return &fault.Error{Kind: fault.Corrupt, Op: "read log", Message: fmt.Sprintf(format, args...)}
}
