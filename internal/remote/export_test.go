package remote

import (
	"net"
	"time"
)

// SetCallWait changes how long a client may take, until the function it returns is called.
func SetCallWait(d time.Duration) (restore func()) {
	before := callWait
	callWait = d
	return func() { callWait = before }
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
