package remote_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/levadahq/levada/internal/blob/file"
	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/remote"
	"github.com/levadahq/levada/internal/tasklog"
	"github.com/levadahq/levada/internal/upkeep"
)

// switched is a server that can be away.
type switched struct {
	mu     sync.Mutex
	away   bool
	missed int // what came while it was
	http.Handler
}

func (s *switched) set(away bool) {
	s.mu.Lock()
	s.away = away
	s.mu.Unlock()
}

func (s *switched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	away := s.away
	if away {
		s.missed++
	}
	s.mu.Unlock()
	if away {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	s.Handler.ServeHTTP(w, r)
}

func (s *switched) misses() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missed
}

// news is what a client tells its user.
type news chan string

func (n news) tell(text string) { n <- text }

// expect waits for the next that is told.
func (n news) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case text := <-n:
		if !strings.Contains(text, want) {
			t.Errorf("told %q, want %q", text, want)
		}
	case <-time.After(time.Minute):
		t.Fatalf("nothing is told of %q", want)
	}
}

// leaving is a client of a server that can be away, and a run of it.
func leaving(t *testing.T, patience time.Duration) (*switched, *remote.Client, int64, news) {
	t.Helper()
	h, stop := handler(t, t.TempDir())
	t.Cleanup(stop)
	s := &switched{Handler: h}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	told := make(news, 10)
	c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir(), Patience: patience, Tell: told.tell})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Store.Close() })
	run, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	s.set(true)
	return s, c, run, told
}

func TestAServerThatComesBack(t *testing.T) {
	s, c, run, told := leaving(t, time.Minute)
	recorded, read := make(chan error, 1), make(chan error, 1)
	c.Store.Record(metastore.Record{Task: &metastore.Task{Run: run, ID: 1, Step: "a"}, Done: func(err error) { recorded <- err }})
	go func() { _, err := c.Store.Task(context.Background(), run, 1); read <- err }()
	told.expect(t, "is away (502 Bad Gateway); waiting for it")
	if err := c.Store.Beat(t.Context(), run, time.Now()); err != nil {
		t.Errorf("a heartbeat waits or fails: %v", err)
	}
	s.set(false)
	told.expect(t, "is back")
	if err := <-recorded; err != nil {
		t.Error(err)
	}
	if err := <-read; err != nil && !fault.Is(err, fault.NotFound) { // the read may come before the record
		t.Error(err)
	}
	if len(told) > 0 {
		t.Errorf("told besides: %q", <-told)
	}
}

// TestLateNewsOfAServer hears that a server is away when it is back already, as of a proxy that takes its time to say so.
func TestLateNewsOfAServer(t *testing.T) {
	h, stop := handler(t, t.TempDir())
	defer stop()
	var asked atomic.Int32
	held, let := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/Task") {
			h.ServeHTTP(w, r)
			return
		}
		switch asked.Add(1) {
		case 1, 2: // the second is told
		case 3:
			close(held)
			<-let
		default:
			h.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	told := make(news, 10)
	c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir(), Tell: told.tell})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Store.Close()
	run, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() { _, err := c.Store.Task(context.Background(), run, 1); read <- err }()
	<-held
	told.expect(t, "is away")
	if _, err := c.Store.Run(t.Context(), run); err != nil {
		t.Error(err)
	}
	told.expect(t, "is back")
	close(let)
	if err := <-read; !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if len(told) > 0 {
		t.Errorf("told besides: %q", <-told)
	}
}

func TestPatience(t *testing.T) {
	s, c, run, told := leaving(t, 300*time.Millisecond)
	_, err := c.Store.Run(t.Context(), run)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.HintOf(err), "resume") {
		t.Errorf("after its patience: %v", err)
	}
	told.expect(t, "is away")
	if len(told) > 0 {
		t.Errorf("told besides: %q", <-told)
	}
	before := s.misses()
	if before < 2 {
		t.Errorf("it was asked %d times before it was given up", before)
	}
	if err := c.Store.EndRun(t.Context(), run, metastore.RunEnd{}); !fault.Is(err, fault.Unavailable) || s.misses() != before+1 {
		t.Errorf("who gave up waits again: %v, after %d more requests", err, s.misses()-before)
	}
}

// held is a server that takes requests and does not answer while it is held.
type held struct {
	mu sync.RWMutex
	http.Handler
}

func (h *held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	h.Handler.ServeHTTP(w, r)
}

// TestASilentServerIsTold has a server that takes what is sent and says nothing, as one that was stopped does: its
// clients are not waiting for a connection that was cut, and say all the same that they wait.
func TestASilentServerIsTold(t *testing.T) {
	h, stop := handler(t, t.TempDir())
	defer stop()
	s := &held{Handler: h}
	server := httptest.NewServer(s)
	defer server.Close()
	told := make(news, 10)
	c, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir(), Silence: 50 * time.Millisecond, Tell: told.tell})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Store.Close()
	s.mu.Lock()
	done := make(chan error, 1)
	go func() {
		_, err := c.Store.CreateRun(context.Background(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
		done <- err
	}()
	told.expect(t, "is away (it says nothing); waiting for it for up to 15m")
	if text := c.Store.Waits(); !strings.Contains(text, "is away") || !strings.Contains(text, server.URL) {
		t.Errorf("it is said to wait for %q", text)
	}
	s.mu.Unlock()
	if err := <-done; err != nil {
		t.Errorf("what the server answered late: %v", err)
	}
	told.expect(t, "is back")
	if text := c.Store.Waits(); text != "" {
		t.Errorf("though it is back it is said: %q", text)
	}
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for address, want := range map[string]fault.Kind{
		"foo": fault.Usage, "ftp://x": fault.Usage, "http://": fault.Usage, "http://x/?q": fault.Usage,
		strings.Replace(page.URL, "://", "://ann:secret@", 1): fault.Usage,
		page.URL: fault.Unavailable, closed.URL: fault.Unavailable,
	} {
		before := time.Now()
		_, err := remote.Dial(t.Context(), address, remote.Options{Cache: t.TempDir()})
		if !fault.Is(err, want) || fault.HintOf(err) == "" || time.Since(before) > 5*time.Second {
			t.Errorf("%s: %v after %v", address, err, time.Since(before))
		}
	}
}

// TestDialASilentServer has a server that takes connections and says nothing.
func TestDialASilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = remote.Dial(t.Context(), "http://"+l.Addr().String(), remote.Options{Cache: t.TempDir(), Hello: 100 * time.Millisecond})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "nothing was heard of it for 100ms") {
		t.Error(err)
	}
}

// TestOtherVersion meets a server whose ports are others.
func TestOtherVersion(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		type hello struct {
			Protocol int
			Version  string
		}
		data, err := cbor.Marshal(struct {
			Items []hello
			Last  bool
		}{[]hello{{remote.Protocol + 1, "9.9"}}, true})
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/cbor")
		w.Write(data)
	}))
	defer server.Close()
	_, err := remote.Dial(t.Context(), server.URL, remote.Options{Cache: t.TempDir()})
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "9.9") || !strings.Contains(fault.HintOf(err), "same version") {
		t.Errorf("%v", err)
	}
}

// cutOnce cuts the first answers of values in their middle.
type cutOnce struct {
	http.Handler
	mu     sync.Mutex
	ranges []string
}

func (c *cutOnce) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/values/") {
		c.Handler.ServeHTTP(w, r)
		return
	}
	c.mu.Lock()
	c.ranges = append(c.ranges, r.Header.Get("Range"))
	first := len(c.ranges) == 1
	c.mu.Unlock()
	if first {
		w = &cutting{w, 1 << 20}
	}
	c.Handler.ServeHTTP(w, r)
}

type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

func TestLargeValue(t *testing.T) {
	home := t.TempDir()
	h, stop := handler(t, home)
	defer stop()
	cut := &cutOnce{Handler: h}
	server := httptest.NewServer(cut)
	defer server.Close()
	value := make([]byte, 50<<20)
	random := rand.NewChaCha8([32]byte{1})
	random.Read(value)
	caches := [2]string{t.TempDir(), t.TempDir()}
	var ref datastore.Ref
	for i, cache := range caches {
		c := dial(t, server.URL, cache)
		data := datastore.New(c.Store, c.Bucket, filepath.Join(c.Home(), "staging"))
		if i == 0 {
			staged := filepath.Join(t.TempDir(), "staged")
			if err := os.WriteFile(staged, value, 0o600); err != nil {
				t.Fatal(err)
			}
			var err error
			if ref, err = data.PutFile(t.Context(), staged, datastore.MayCompress); err != nil || ref.Hash != sha256.Sum256(value) {
				t.Fatal(err)
			}
		}
		got, err := data.Blob(t.Context(), ref.Hash)
		if err != nil || !bytes.Equal(got, value) {
			t.Errorf("client %d reads %d bytes, %v", i, len(got), err)
		}
		if there, err := data.Settle(t.Context(), ref); err != nil || !there {
			t.Errorf("the server is asked for what it has: %v, %v", there, err)
		}
		c.Store.Close()
	}
	// The one that stored it did not fetch it; the other did, and went on where it was cut.
	if len(cut.ranges) != 2 || cut.ranges[0] != "" || !strings.HasPrefix(cut.ranges[1], "bytes=") {
		t.Errorf("values were fetched so: %q", cut.ranges)
	}
}

// TestFilesOfRunningTasks follows a log and a card from the folder of the engine to a reader on a third machine.
func TestFilesOfRunningTasks(t *testing.T) {
	home := t.TempDir()
	url := address(t, home)
	c := dial(t, url, t.TempDir())
	run, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(c.Home(), "logs", "1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var enc tasklog.Writer
	name := tasklog.FileName(3, 0)
	log, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	line := func(text string) {
		log.Write(enc.Append(nil, tasklog.Line{Time: time.UnixMilli(1), Text: []byte(text), Newline: true}))
	}
	line("one")
	page := filepath.Join(dir, "page")
	os.WriteFile(page, []byte("<p>now</p>"), 0o600)
	card := livecard.Card{Task: 3, Position: 1, Type: "blank", UUID: "u", Changed: time.UnixMilli(5).UTC()}
	if err := livecard.Write(dir, card, page); err != nil {
		t.Fatal(err)
	}
	reader := dial(t, url, t.TempDir())
	defer reader.Store.Close()
	window := reader.Window()
	defer window.Close()
	read := func() string {
		t.Helper()
		seen, err := window.Look(t.Context(), run, name)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for l, err := range (&tasklog.Tail{Path: filepath.Join(seen, name)}).Lines() {
			if err != nil {
				t.Fatal(err)
			}
			text += string(l.Text) + "\n"
		}
		return text
	}
	cards := func() []livecard.Card {
		t.Helper()
		seen, err := window.Look(t.Context(), run, "")
		if err != nil {
			t.Fatal(err)
		}
		list, err := livecard.List(seen)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	eventually(t, "the log", func() bool { return read() == "one\n" })
	eventually(t, "the card", func() bool { l := cards(); return len(l) == 1 && l[0].UUID == "u" && l[0].Size == 10 })
	line("two")
	eventually(t, "what was appended", func() bool { return read() == "one\ntwo\n" })
	livecard.Remove(dir, card)
	eventually(t, "the end of the card", func() bool { return len(cards()) == 0 })

	// What the log has when its attempt is recorded is there with the record.
	line(strings.Repeat("long ", 500<<10))
	done := make(chan error, 1)
	c.Store.Record(metastore.Record{
		Task:    &metastore.Task{Run: run, ID: 3, Step: "a"},
		Attempt: &metastore.Attempt{Run: run, Task: 3, Status: metastore.AttemptSucceeded, LogFile: name}, Done: func(err error) { done <- err },
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	st, err := log.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := os.Stat(filepath.Join(home, "logs", "1", name)); err != nil || kept.Size() != st.Size() {
		t.Errorf("the server has %v, %v of a log of %d bytes", kept, err, st.Size())
	}
	c.Store.Close()
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder of the run stays on the engine's machine")
	}
}

// What a killed engine left of logs on its machine goes some day, and not what one that lives has there.
func TestLogsOfDeadEngines(t *testing.T) {
	url := address(t, t.TempDir())
	cache := t.TempDir()
	c := dial(t, url, cache)
	defer c.Store.Close()
	run, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-48 * time.Hour)
	folder := func(run int64) string {
		dir := filepath.Join(c.Home(), "logs", fmt.Sprint(run))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, tasklog.FileName(1, 0)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(dir, long, long); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	dead, living := folder(run+1), folder(run)
	eventually(t, "the folder of the run that goes on", func() bool {
		st, err := os.Stat(living)
		return err == nil && time.Since(st.ModTime()) < time.Hour
	})
	dial(t, url, cache).Store.Close()
	if _, err := os.Stat(living); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("the logs of a dead engine stay")
	}
}

// The folder of a run goes with the last that is in it, a card often enough.
func TestCardsOfAFolderThatIsGone(t *testing.T) {
	c, home := serve(t)
	run, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(c.Home(), "logs", "1")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page")
	os.WriteFile(page, []byte("<p>now</p>"), 0o600)
	if err := livecard.Write(dir, livecard.Card{Task: 1, Type: "blank", UUID: "u", Changed: time.UnixMilli(5).UTC()}, page); err != nil {
		t.Fatal(err)
	}
	there := filepath.Join(home, "logs", fmt.Sprint(run))
	shown := func() int {
		cards, err := livecard.List(there)
		if err != nil {
			t.Fatal(err)
		}
		return len(cards)
	}
	eventually(t, "the card", func() bool { return shown() == 1 })
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the card", func() bool { return shown() == 0 })
	eventually(t, "the end of the folder", func() bool { _, err := os.Stat(there); return os.IsNotExist(err) })
}

func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come", what)
		}
	}
}

// TestNamesOfFiles has a client name files that are none of its.
func TestNamesOfFiles(t *testing.T) {
	c, home := serve(t)
	window := c.Window()
	defer window.Close()
	if err := os.WriteFile(filepath.Join(home, "secret"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../secret", "..%2fsecret", "../../secret", "3-0.card-1.json", "x"} {
		resp, err := http.Get(c.URL() + remote.Prefix + "logs/1/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode < 400 {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}

// TestCollectionSparesClients collects while a client has stored a value that it has not recorded yet.
func TestCollectionSparesClients(t *testing.T) {
	home := t.TempDir()
	url := address(t, home)
	c := dial(t, url, t.TempDir())
	value := bytes.Repeat([]byte("value"), 100<<10)
	data := datastore.New(c.Store, c.Bucket, filepath.Join(c.Home(), "staging"))
	ref, err := data.Put(t.Context(), value)
	if err != nil {
		t.Fatal(err)
	}
	// A store without any run keeps its values: it may have lost its database.
	if _, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunSucceeded}, metastore.Beginning{}); err != nil {
		t.Fatal(err)
	}
	bucket := file.New(filepath.Join(home, "bucket"))
	here := datastore.New(c.Store, bucket, filepath.Join(home, "staging"))
	now := time.Now()
	collect := func() {
		t.Helper()
		u := &upkeep.Store{Meta: c.Store, Data: here, Home: home, Here: metastore.Place{Host: "server", Boot: "b"}, Now: func() time.Time { return now },
			Status: func(r metastore.Run) (metastore.RunStatus, time.Time) { return r.Status, time.Time{} }}
		if _, err := u.Collect(t.Context(), upkeep.NoRules, upkeep.Mode{}); err != nil {
			t.Fatal(err)
		}
	}
	collect()
	if _, err := here.Blob(t.Context(), ref.Hash); err != nil {
		t.Errorf("a value of a client that lives is collected: %v", err)
	}
	now = now.Add(24 * time.Hour) // nothing has been heard of it
	collect()
	if _, err := here.Blob(t.Context(), ref.Hash); !fault.Is(err, fault.NotFound) {
		t.Errorf("a client that vanished is waited for for ever: %v", err)
	}
	c.Store.Close()
	if left, err := os.ReadDir(filepath.Join(home, "staging")); err != nil || len(left) > 0 {
		t.Errorf("sessions that ended are there: %v, %v", left, err)
	}
}

// A server with another certificate, or without one, is there: starting it again is no remedy.
func TestTheWrongKindOfConnection(t *testing.T) {
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that fail
	tls.StartTLS()
	defer tls.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for address, hint := range map[string]string{tls.URL: "certificate", strings.Replace(plain.URL, "http:", "https:", 1): "http://"} {
		_, err := remote.Dial(t.Context(), address, remote.Options{Cache: t.TempDir()})
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(fault.HintOf(err), hint) || strings.Contains(fault.HintOf(err), "start it") {
			t.Errorf("%v: %s", err, fault.HintOf(err))
		}
	}
}
