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
