// Package mfdata reads Metaflow's datastore if it is a folder on this machine: values of artifacts, what is known about
// them, and logs. It writes nothing, and executes nothing of what it reads.
//
// The datastore has a folder for each flow. In it, data/ab/abcd… is a value by the SHA-1 of its bytes, compressed with
// gzip unless a file beside it says otherwise. RUN/STEP/TASK/N.… are files of attempt N: data.json, which names the
// values, and the logs of the task and of what ran it, one file per stream, whose lines begin with the time at which
// they were written.
package mfdata

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/tasklog"
)

// Reference says where Metaflow keeps a value.
type Reference struct {
	Type string `json:"ds_type"`        // "local", "s3", …
	Root string `json:"root"`           // of the datastore
	Flow string `json:"flow,omitempty"` // whose value it is
	SHA  string `json:"sha"`            // SHA-1 of the bytes, hexadecimal
	By   *int   `json:"by,omitempty"`   // number of the user who told of it, [Somebody], or nil where nobody can tell
}

// Somebody is a user of whom nothing is known, on a system that tells whose connections are.
const Somebody = -1

// elsewhere is an error that says that something is not on this machine, which nobody here can mend.
type elsewhere struct{ error }

func (e elsewhere) Unwrap() error { return e.error }

// IsElsewhere reports whether an error only says that a value is not on this machine.
func IsElsewhere(err error) bool { return errors.As(err, new(elsewhere)) }

// mark begins a reference as text. No pickle and no JSON text begins so.
const mark = "\x00metaflow "

// Encode returns the reference as bytes that [ParseReference] reads.
func (r Reference) Encode() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings
	}
	return append([]byte(mark), text...)
}

// ParseReference reads what Encode wrote.
func ParseReference(b []byte) (Reference, bool) {
	text, ok := bytes.CutPrefix(b, []byte(mark))
	var r Reference
	return r, ok && json.Unmarshal(text, &r) == nil
}

// MaxValue is the size in bytes of the largest value that is read.
const MaxValue = 1 << 30

// Value reads a value of at most max bytes. Unavailable if it is not on this machine, Corrupt if the bytes are not
// those of the hash, Permission if who told of it may not read it, or it is no plain file in plain folders.
func (r Reference) Value(max int64) ([]byte, error) {
	if r.Type != "local" {
		return nil, elsewhere{fault.New(fault.Unavailable, "the value is in Metaflow's datastore, %s %s, which is not read from here", r.Type, r.Root).
			Do("read it with Metaflow's client, where that has access to the datastore")}
	}
	if !filepath.IsAbs(r.Root) || !isName(r.Flow) || !isSHA(r.SHA) {
		return nil, elsewhere{fault.New(fault.Unavailable, "what Metaflow said of the place of the value makes no sense: %q in %q", r.SHA, r.Root)}
	}
	below := filepath.Join(r.Flow, "data", r.SHA[:2], r.SHA)
	path := filepath.Join(r.Root, below)
	f, err := openPlain(r.Root, below, r.By)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, elsewhere{fault.New(fault.Unavailable, "the value is in Metaflow's datastore, in a file that is not on this machine").On(path).
			Do("read it where it was written")}
	}
	if err != nil {
		return nil, refusedTo("read a value of Metaflow", err)
	}
	defer f.Close()
	limit := max + 1
	if limit <= 1 || limit > MaxValue {
		limit = MaxValue
	}
	data, err := unpack(f, isRaw(r.Root, below, r.By), limit)
	if err == nil && int64(len(data)) == limit {
		return nil, fault.New(fault.Invalid, "the value is larger than %d bytes", limit-1).On(path)
	}
	if sum := sha1.Sum(data); err != nil || hex.EncodeToString(sum[:]) != r.SHA {
		return nil, fault.New(fault.Corrupt, "the file is not what Metaflow wrote").On(path).Because(err)
	}
	return data, nil
}

func isSHA(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha1.Size
}

// isName reports whether s can be a part of a path, and only one.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, `/\`+"\x00")
}

// maxMeta is the size in bytes of the largest file that is read of what says how a value is kept.
const maxMeta = 64 << 10

func isRaw(root, below string, by *int) bool {
	var meta struct {
		Raw bool `json:"cas_raw"`
	}
	f, err := openPlain(root, below+"_meta", by)
	if err != nil {
		return false
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMeta))
	return err == nil && json.Unmarshal(b, &meta) == nil && meta.Raw
}

var errNotTheirs = errors.New("whoever recorded the run may not read it, or is not known, and not everybody may")

// refusedTo is what an error of [openPlain] amounts to.
func refusedTo(op string, err error) error {
	f := &fault.Error{Kind: fault.Permission, Op: op, Cause: err}
	if errors.Is(err, errNotTheirs) {
		f.Do("Let everybody, or who records the runs, read the datastore; docs/metaflow-service.md tells what is read.")
	}
	return f
}

func unpack(f io.Reader, raw bool, limit int64) ([]byte, error) {
	if !raw {
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, err
		}
		f = z
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// Place is where the files of an attempt are, without what comes after the attempt's number, and who told of it:
// 1000:/path, or /path if nobody can tell.
type Place string

// placeDepth is how many parts of the path of a place are below the root of the
// datastore: flow, run, step, task, attempt.
const placeDepth = 5

// PlaceOf returns the place of an attempt, "" if the datastore is not a folder. by is as in a [Reference].
func PlaceOf(by *int, dsType, root, flow, run, step, task, attempt string) Place {
	for _, name := range []string{flow, run, step, task, attempt} {
		if !isName(name) {
			return ""
		}
	}
	if dsType != "local" || !filepath.IsAbs(root) {
		return ""
	}
	path := filepath.Join(root, flow, run, step, task, attempt)
	if by != nil {
		path = strconv.Itoa(*by) + ":" + path
	}
	return Place(path)
}

// open opens a file of an attempt.
func (p Place) open(suffix string) (*os.File, error) {
	path := string(p)
	var by *int
	if who, rest, ok := strings.Cut(path, ":"); ok && !strings.HasPrefix(path, "/") {
		n, err := strconv.Atoi(who)
		if err != nil {
			n = Somebody
		}
		path, by = rest, &n
	}
	root := filepath.Clean(path)
	for range placeDepth {
		root = filepath.Dir(root)
	}
	below, err := filepath.Rel(root, path+suffix)
	if err != nil || !filepath.IsAbs(root) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is no place of a file")}
	}
	return openPlain(root, below, by)
}

// Info is what an attempt says of an artifact.
type Info struct {
	Size     int64  `json:"size"`
	Type     string `json:"type"` // as Python shows a class: "<class 'int'>"
	Encoding string `json:"encoding"`
}

// maxDescription is the size in bytes of the largest description that is read.
const maxDescription = 16 << 20

// Artifacts returns what the attempt says of its artifacts, by name; none if that cannot be read.
func (p Place) Artifacts() map[string]Info {
	if p == "" {
		return nil
	}
	f, err := p.open(".data.json")
	if err != nil {
		return nil
	}
	defer f.Close()
	var d struct {
		Info map[string]Info `json:"info"`
	}
	if json.NewDecoder(io.LimitReader(f, maxDescription)).Decode(&d) != nil {
		return nil
	}
	for name, i := range d.Info {
		i.Type = strings.TrimSuffix(strings.TrimPrefix(i.Type, "<class '"), "'>")
		d.Info[name] = i
	}
	return d.Info
}

// logFilePrefix begins the name of a log that is Metaflow's.
const logFilePrefix = "metaflow:"

// LogFile is the name by which an attempt's record tells of its log, "" if it cannot be read here.
func (p Place) LogFile() string {
	if p == "" {
		return ""
	}
	return logFilePrefix + string(p)
}

// PlaceOfLog returns what LogFile told.
func PlaceOfLog(file string) (Place, bool) {
	place, ok := strings.CutPrefix(file, logFilePrefix)
	return Place(place), ok
}

// maxLog is the size in bytes to which a stream of a log is read.
const maxLog = 256 << 20

// Log yields the lines of an attempt's log in the order of their times; those of one stream stay in the order in which
// they were written. Metaflow writes the log when the attempt has ended: until then there are no lines.
//
// It holds one line of each stream, for a log may be a quarter of a gigabyte of nothing but empty lines.
func (p Place) Log() iter.Seq2[tasklog.Line, error] {
	return func(yield func(tasklog.Line, error) bool) {
		var streams []*logStream
		for _, source := range []string{"task", "runtime"} {
			for _, stream := range []tasklog.Stream{tasklog.Stdout, tasklog.Stderr} {
				f, err := p.open("." + source + "_" + stream.String() + ".log")
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err != nil {
					yield(tasklog.Line{}, refusedTo("read a log of Metaflow", err))
					return
				}
				defer f.Close()
				streams = append(streams, &logStream{in: bufio.NewReaderSize(io.LimitReader(f, maxLog), tasklog.MaxText), line: tasklog.Line{Stream: stream}})
			}
		}
		next := slices.Clone(streams) // those whose line was told
		for {
			for _, s := range next {
				switch err := s.read(); {
				case errors.Is(err, io.EOF):
					streams = slices.DeleteFunc(streams, func(of *logStream) bool { return of == s })
				case err != nil:
					yield(tasklog.Line{}, refusedTo("read a log of Metaflow", err))
					return
				}
			}
			if len(streams) == 0 {
				return
			}
			first := slices.MinFunc(streams, func(a, b *logStream) int { return a.line.Time.Compare(b.line.Time) })
			if !yield(first.line, nil) {
				return
			}
			next = []*logStream{first}
		}
	}
}

// lineForm is what a line begins with: version, time, source, id.
var lineForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\[!)?\[MFLOG\|0\|([^|\]]+)Z\|[^|\]]*\|[^|\]]*\]`)
})

// logStream is a stream of a log, of which one line is at hand.
type logStream struct {
	in   *bufio.Reader
	line tasklog.Line // its text is valid until the next is read
}

// read reads the next line, io.EOF if there is none. A line without a time has that of the line before.
func (s *logStream) read() error {
	text, err := s.in.ReadSlice('\n')
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !(errors.Is(err, io.EOF) && len(text) > 0) {
		return err
	}
	text, s.line.Newline = bytes.CutSuffix(text, []byte("\n"))
	if m := lineForm().FindSubmatch(text); m != nil {
		if at, bad := time.Parse("2006-01-02T15:04:05.999999", string(m[1])); bad == nil {
			s.line.Time = at
		}
		text = text[len(m[0]):]
	}
	s.line.Text = text
	return nil
}
