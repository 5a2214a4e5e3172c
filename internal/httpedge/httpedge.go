// Package httpedge has what all HTTP handlers share: the status codes of errors, which hosts are accepted, and which
// methods a path allows; and what their clients share: how the address of a server is read, what to do about an error
// of a connection or a refusal, and for how long a server may be silent.
package httpedge

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// StatusOf is the table of kinds of faults and HTTP statuses.
func StatusOf(err error) int {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	switch fault.KindOf(err) {
	case fault.Usage:
		return http.StatusBadRequest
	case fault.Invalid, fault.UserCode:
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Permission:
		return http.StatusForbidden
	case fault.NoSpace:
		return http.StatusInsufficientStorage
	case fault.Unavailable, fault.Interrupted:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// IsThisMachine reports whether a host, with or without a port, names this machine to itself. What answers to such
// names alone cannot be reached by a page of the network that has its own name lead here.
func IsThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ServerAddress reads the address of a server, such as http://127.0.0.1:8265, and returns it without a slash at its
// end. Usage if it is none.
func ServerAddress(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fault.New(fault.Usage, "%q is not the address of a server", text).Do("give what `levada server` printed, such as http://127.0.0.1:8265")
	}
	if u.User != nil { // which is not repeated: it may be a password
		return "", fault.New(fault.Usage, "the address of a server has no user or password: a server has no login yet").
			Do("leave out what stands between :// and @")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// Remedy is what to do about an error of a connection to a server that is there, but not as its address says; "" for
// any other error.
func Remedy(err error) string {
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		return "name the server as its certificate does, and let this machine trust who signed that, on Linux for instance with SSL_CERT_FILE"
	case errors.Is(err, http.ErrSchemeMismatch):
		return "let the address begin with http:// instead of https://"
	}
	return ""
}

// maxProblem is how much of an answer with an error is read.
const maxProblem = 1 << 20

// IsProblem reports whether an answer is an error as a server of Levada tells it.
func IsProblem(res *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return kind == "application/problem+json"
}

// Refused is the fault of a request that was refused: by the server itself, or by a proxy in front of it. Nil if the
// answer does not say so.
func Refused(res *http.Response) error {
	var p struct{ Detail, Kind, Hint string }
	if IsProblem(res) && json.NewDecoder(io.LimitReader(res.Body, maxProblem)).Decode(&p) == nil && p.Detail != "" {
		f := fault.New(fault.KindNamed(p.Kind), "%s", p.Detail)
		f.Hint = p.Hint
		return f
	}
	address := ""
	if res.Request != nil {
		address = res.Request.URL.Scheme + "://" + res.Request.URL.Host
	}
	switch res.StatusCode {
	case http.StatusRequestEntityTooLarge:
		return fault.New(fault.Unavailable, "a proxy in front of the server takes no request of this size: %s", res.Status).On(address).
			Do("set its limit to none, in nginx with `client_max_body_size 0;`")
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return fault.New(fault.Permission, "a proxy in front of the server does not let you through: %s", res.Status).On(address).
			Do("ask who runs it to let this machine through; Levada sends no password")
	}
	return nil
}

// Allowed returns the methods by which a path can be reached, for requests that came by another, to the pattern "/".
func Allowed(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch} {
		if _, pattern := mux.Handler(&http.Request{Method: m, URL: r.URL, Host: r.Host}); pattern != "" && pattern != "/" {
			allowed = append(allowed, m)
		}
	}
	return allowed
}
