package client_test

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/levadahq/levada/client"
)

// serve starts a server of the store and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(levada, "--quiet", "server", "--port", "0")
	cmd.Dir = home
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the server ends with %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// Over a server everything is as it is in the folder.
func TestServer(t *testing.T) {
	server = serve(t)
	defer func() { server = "" }()
	t.Run("Objects", TestObjects)
	t.Run("Values", TestValues)
	t.Run("Errors", TestErrors)
	t.Run("CodeAndLogs", TestCodeAndLogs)
	t.Run("Closed", TestClosed)
	c := open(t, "")
	if c.Home() != "" {
		t.Errorf("home %s", c.Home())
	}
	if _, err := c.Run(t.Context(), "99"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("no run: %v", err)
	}
}

func TestServerByVariable(t *testing.T) {
	t.Setenv("LEVADA_SERVER", serve(t))
	c, err := client.Open(t.Context(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r, err := c.Run(t.Context(), "1"); err != nil || r.Flow != "TrainFlow" || c.Home() != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestNoServer(t *testing.T) {
	for _, o := range []client.Options{{Server: "127.0.0.1:8265"}, {Server: "http://127.0.0.1:1", Dir: home}, {Server: "http://a:b@127.0.0.1:1"}} {
		if _, err := client.Open(t.Context(), o); !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := client.Open(t.Context(), client.Options{Server: "http://127.0.0.1:1"}); !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "levada server") {
		t.Errorf("nobody there: %v", err)
	}
}
