// Package httpedge has what all HTTP handlers share: the status codes of errors, which hosts are accepted, and which
// methods a path allows.
package httpedge

import (
	"errors"
	"net"
	"net/http"
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
