package runner

import "sync"

// mailbox holds the functions that the loop has still to call. Posting never
// blocks, so that the store's writer may post while the loop waits for the store.
type mailbox struct {
	mu    sync.Mutex
	calls []func()
	wake  chan struct{} // holds one token while calls is not empty
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post adds a function. It may be called from any goroutine.
func (m *mailbox) post(f func()) {
	m.mu.Lock()
	m.calls = append(m.calls, f)
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// take returns all functions posted so far. spare is reused for the next ones.
func (m *mailbox) take(spare []func()) []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	calls := m.calls
	clear(spare)
	m.calls = spare[:0]
	return calls
}
