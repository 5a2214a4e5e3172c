package remote

import (
	"context"
	"net"
	"net/http"
	"time"
)

// SetCallWait changes how long a client may take, until the function it returns is called.
func SetCallWait(d time.Duration) (restore func()) {
	before := callWait
	callWait = d
	return func() { callWait = before }
}

// SetSignEvery changes how often a server says that it is still at work on a call,
// until the function it returns is called.
func SetSignEvery(d time.Duration) (restore func()) {
	before := signEvery
	signEvery = d
	return func() { signEvery = before }
}

// HoldLittle has the system hold little of what a client sends and the server has not taken.
func (c *Client) HoldLittle() {
	c.http.CloseIdleConnections()
	transport := c.http.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if tcp, ok := conn.(*net.TCPConn); ok {
			err = tcp.SetWriteBuffer(16 << 10)
		}
		return conn, err
	}
}

// Writers returns of how many clients the last answer is kept.
func (h *Handler) Writers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.writers)
}

// PeerOf says whose a connection is.
func PeerOf(c net.Conn) string {
	return map[peer]string{stranger: "a stranger's", own: "own", gone: "gone"}[peerOf(c)]
}

// AsOwn has a handler take all who ask for processes of the server's own user,
// whatever the system tells of connections.
func AsOwn(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), peerKey{}, func() peer { return own })))
	})
}

// SameBytes reports whether two files have the same bytes.
func SameBytes(one, other string) (bool, error) { return sameBytes(one, other) }
