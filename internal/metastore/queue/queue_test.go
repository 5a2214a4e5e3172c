package queue

import (
	"slices"
	"sync"
	"testing"
	"time"
)

// batches starts a queue that lingers for ever, and tells what it hands on. It hands on nothing before it is let.
func batches(t *testing.T, b Bounds) (q *Queue[int], handed <-chan []int, let chan<- struct{}) {
	b.Linger = time.Hour
	got, may := make(chan []int, 100), make(chan struct{}, 100)
	q = New(b, func(list []int) {
		got <- slices.Clone(list)
		<-may
	})
	t.Cleanup(func() { close(may); q.Close() })
	return q, got, may
}

func TestCompany(t *testing.T) {
	q, handed, let := batches(t, Bounds{Most: 4 * Full, Bytes: 1000})
	want := func(what string, n int) {
		t.Helper()
		list := <-handed
		let <- struct{}{}
		if len(list) != n || !slices.IsSorted(list) {
			t.Errorf("%s: %v is handed on, want %d", what, list, n)
		}
	}
	q.Add(1, 1, false)
	q.Add(2, 1, true)
	want("one is urgent", 2)
	q.Add(1, 1, false)
	q.Flush()
	want("after Flush", 1)
	q.Add(1, 500, false)
	q.Add(2, 1, false)
	want("half of the bytes", 2)
	for i := range Full {
		q.Add(i, 0, false)
	}
	want("many", Full)
	q.Add(1, 5000, false)
	want("one that is larger than all may be", 1)
}

func TestFullQueue(t *testing.T) {
	for name, b := range map[string]Bounds{"number": {Most: 2, Bytes: 1000}, "bytes": {Most: 10, Bytes: 2}} {
		q, handed, let := batches(t, b)
		q.Add(0, 1, true)
		<-handed // and is at it
		q.Add(1, 1, true)
		q.Add(2, 1, true)
		added := make(chan bool)
		go func() { added <- q.Add(3, 1, true) }()
		select {
		case <-added:
			t.Errorf("%s: one more is taken", name)
		case <-time.After(20 * time.Millisecond):
		}
		let <- struct{}{}
		if list := <-handed; !slices.Equal(list, []int{1, 2}) {
			t.Errorf("%s: %v is handed on", name, list)
		}
		if !<-added {
			t.Errorf("%s: one is not taken", name)
		}
	}
}

// Who waits for room when the queue is closed is told, and what was taken is handed on.
func TestClose(t *testing.T) {
	var sum, taken int
	q := New(Bounds{Most: 3, Bytes: 100, Linger: time.Hour}, func(list []int) {
		for _, n := range list {
			sum += n
		}
	})
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if q.Add(1, 1, false) {
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	q.Close()
	wg.Wait()
	q.Close()
	if sum != taken || q.Add(1, 1, false) {
		t.Errorf("%d of %d were handed on", sum, taken)
	}
}
