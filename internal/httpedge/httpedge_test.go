package httpedge_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/httpedge"
)

func TestStatusOf(t *testing.T) {
	for kind, want := range map[fault.Kind]int{
		fault.Internal: 500, fault.Usage: 400, fault.Invalid: 422, fault.NotFound: 404, fault.Conflict: 409, fault.Corrupt: 500,
		fault.NoSpace: 507, fault.Permission: 403, fault.UserCode: 422, fault.Unavailable: 503, fault.Interrupted: 503,
	} {
		if got := httpedge.StatusOf(fmt.Errorf("around it: %w", fault.New(kind, "x"))); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
	if got := httpedge.StatusOf(errors.New("plain")); got != 500 {
		t.Errorf("another error: %d", got)
	}
	if got := httpedge.StatusOf(fault.Wrap(fault.Usage, "read", &http.MaxBytesError{})); got != 413 {
		t.Errorf("too large: %d", got)
	}
}

func TestIsThisMachine(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:80": true, "127.0.0.1": true, "127.1.2.3:80": true, "[::1]": true, "[::1]:80": true, "::1": true,
		"": false, "example.com": false, "localhost.example.com": false, "127.0.0.1.example.com:80": false, "10.0.0.1:80": false, "0.0.0.0": false,
	} {
		if got := httpedge.IsThisMachine(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestServerAddress(t *testing.T) {
	for _, bad := range []string{"", "foo", "localhost:8265", "ftp://h", "http://", "http://h?x=1", "http://h#x", "http://u:secret@h", "http://u@h", "://"} {
		if got, err := httpedge.ServerAddress(bad); !fault.Is(err, fault.Usage) || fault.HintOf(err) == "" || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
	for address, want := range map[string]string{"http://h:1": "http://h:1", "http://h:1/": "http://h:1", "https://h/levada//": "https://h/levada"} {
		if got, err := httpedge.ServerAddress(address); got != want || err != nil {
			t.Errorf("%q: %q, %v", address, got, err)
		}
	}
}

// A refusal of the server's is told as it is, one of a proxy as what it is, with the way out.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		status     int
		kind, body string
		want       fault.Kind
		says, hint string
	}{
		{403, "application/problem+json", `{"detail":"not to levada.test","kind":"permission","hint":"use localhost"}`, fault.Permission, "not to levada.test", "use localhost"},
		{413, "text/html", "<html>", fault.Unavailable, "https://levada.test: a proxy in front of the server takes no request of this size", "client_max_body_size 0"},
		{401, "text/html", "<html>", fault.Permission, "https://levada.test: a proxy in front of the server", "no password"},
		{403, "text/html", "<html>", fault.Permission, "https://levada.test: a proxy in front of the server", "no password"},
		{404, "text/html", "<html>", fault.Internal, "", ""},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", c.kind)
		w.WriteHeader(c.status)
		w.WriteString(c.body)
		res := w.Result()
		res.Request = httptest.NewRequest("PUT", "https://levada.test/store/v1/values/x", nil)
		err := httpedge.Refused(res)
		if c.says == "" {
			if err != nil {
				t.Errorf("%d: %v", c.status, err)
			}
			continue
		}
		if !fault.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%d: %v: %s", c.status, err, fault.HintOf(err))
		}
	}
}

func TestAllowed(t *testing.T) {
	mux := http.NewServeMux()
	nothing := func(http.ResponseWriter, *http.Request) {}
	mux.HandleFunc("GET /a/{x}", nothing)
	mux.HandleFunc("PATCH /a/{x}", nothing)
	mux.HandleFunc("/", nothing)
	for path, want := range map[string][]string{"/a/b": {"GET", "PATCH"}, "/b": nil} {
		if got := httpedge.Allowed(mux, httptest.NewRequest("POST", path, nil)); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
