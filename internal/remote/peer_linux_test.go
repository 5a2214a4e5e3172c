package remote_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/mfdata"
	"github.com/levadahq/levada/internal/remote"
)

// dialAs connects to an address with a socket of a user's.
func dialAs(t *testing.T, uid int, address string) net.Conn {
	t.Helper()
	type dialed struct {
		net.Conn
		err error
	}
	done := make(chan dialed)
	go func() {
		runtime.LockOSThread() // and not unlocked: the thread ends, with what it was
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, uintptr(uid), 0, 0); errno != 0 {
			done <- dialed{err: errno}
			return
		}
		c, err := net.Dial("tcp", address)
		done <- dialed{c, err}
	}()
	d := <-done
	if d.err != nil {
		t.Fatal(d.err)
	}
	t.Cleanup(func() { d.Close() })
	return d.Conn
}

// TestOthersOnThisMachine has another user of the server's machine record a run, and try to add to one of the server's
// own user: what that left would be read, as Python reads values, by whoever resumes it.
func TestOthersOnThisMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	const nobody = 65534
	home := t.TempDir()
	h, stop := handler(t, home)
	defer stop()
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnContext = remote.WithPeer
	server.Start()
	defer server.Close()
	c := dial(t, server.URL, filepath.Join(home, "cache"))
	ours, err := c.Store.CreateRun(t.Context(), metastore.Run{Flow: "F", Status: metastore.RunRunning, Info: metastore.RunInfo{Foreign: true}}, metastore.Beginning{})
	if err != nil {
		t.Fatal(err)
	}
	if run, err := c.Store.Run(t.Context(), ours); err != nil || run.Info.Foreign {
		t.Errorf("a run of the server's user is recorded as another's: %v", err)
	}
	number := 0
	type fields = map[string]any
	var answer struct {
		Items [][]struct {
			Run   int64
			Fault *struct{ Message string }
		}
	}
	call := func(conn net.Conn, name string, args, answer any) {
		t.Helper()
		body, err := cbor.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, server.URL+remote.Prefix+name, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/cbor")
		if err := req.Write(conn); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := cbor.NewDecoder(resp.Body).Decode(answer); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	write := func(conn net.Conn, w fields) {
		t.Helper()
		number++
		answer.Items = nil
		call(conn, "write", fields{"Session": "other", "Number": number, "Writes": []fields{w}}, &answer)
	}
	conn := dialAs(t, nobody, strings.TrimPrefix(server.URL, "http://"))
	write(conn, fields{"Create": fields{"Run": fields{"Flow": "F", "Status": metastore.RunRunning}}})
	theirs := answer.Items[0][0].Run
	if run, err := c.Store.Run(t.Context(), theirs); err != nil || !run.Info.Foreign {
		t.Errorf("a run of another user is recorded as the server's: %v", err)
	}
	for run, want := range map[int64]string{ours: "belongs to the server's own user", theirs: ""} {
		write(conn, fields{"Record": fields{"Task": fields{"Run": run, "ID": 1, "Step": "start"}}})
		switch f := answer.Items[0][0].Fault; {
		case want == "" && f != nil:
			t.Errorf("their run cannot be recorded: %s", f.Message)
		case want != "" && (f == nil || !strings.Contains(f.Message, want)):
			t.Errorf("another user records a task of our run: %v", f)
		}
	}
	// Nor does he end it, write to its logs, or show cards of it.
	for run, want := range map[int64]string{ours: "belongs to the server's own user", theirs: ""} {
		answers := make(map[string]string)
		for name, args := range map[string]fields{
			"log":  {"Run": run, "Name": "1-0.log", "Data": []byte("x")},
			"show": {"Run": run, "Card": fields{"Task": 1}, "HTML": []byte("x")},
		} {
			var said struct{ Fault *struct{ Message string } }
			if call(conn, name, args, &said); said.Fault != nil {
				answers[name] = said.Fault.Message
			}
		}
		write(conn, fields{"End": fields{"Run": run, "End": fields{"Status": metastore.RunFailed}}})
		if f := answer.Items[0][0].Fault; f != nil {
			answers["end"] = f.Message
		}
		for _, name := range []string{"log", "show", "end"} {
			if said := answers[name]; (said == "") != (want == "") || !strings.Contains(said, want) {
				t.Errorf("%s of run %d by another user: %q, want %q", name, run, said, want)
			}
		}
	}
	// Nor does he say on whose word a datastore of Metaflow is read.
	uid := 0
	inline := mfdata.Reference{Type: "local", Root: "/root/ds", Flow: "F", SHA: strings.Repeat("0", 40), By: &uid}.Encode()
	for what, record := range map[string]fields{
		"log":   {"Attempt": fields{"Run": theirs, "Task": 1, "N": 0, "LogFile": mfdata.PlaceOf(&uid, "local", "/root/ds", "F", "1", "start", "1", "0").LogFile()}},
		"value": {"Attempt": fields{"Run": theirs, "Task": 1, "N": 0}, "Artifacts": []fields{{"Name": "x", "Size": 1, "Inline": inline}}},
	} {
		write(conn, fields{"Record": record})
		if f := answer.Items[0][0].Fault; f == nil || !strings.Contains(f.Message, "only Metaflow can report") {
			t.Errorf("another user records a %s in a datastore of Metaflow: %v", what, f)
		}
	}
}

// TestWhoClosedAConnectionIsNotKnown asks whose connections are, before and after they are closed: the kernel says of a
// socket that is being closed that it is root's.
func TestWhoClosedAConnectionIsNotKnown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	if got := remote.PeerOf(near); got != "own" {
		t.Errorf("our own connection is %s", got)
	}
	if err := far.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Fatal("it is not closed")
	}
	if got := remote.PeerOf(near); got != "gone" {
		t.Errorf("one that was closed is %s", got)
	}
}
