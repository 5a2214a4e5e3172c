package service

// Seen remembers which tasks of a run have been seen. Tasks get their ids one after the other, but are recorded when
// their process has started, or has ended: one may come after others with larger ids.
type Seen struct {
	next  int64          // all below have been seen, or will not come
	ahead map[int64]bool // seen, from there on
}

// maxAhead is how many tasks are seen before one that is missing is given up: a resumed run has not taken over all
// that its origin had. It is more than are ever on their way, and few enough to be read at each look.
const maxAhead = 2000

// Add notes a task and reports whether it is new.
func (s *Seen) Add(id int64) bool {
	if id < s.next || s.ahead[id] {
		return false
	}
	if s.ahead == nil {
		s.ahead = make(map[int64]bool)
	}
	s.ahead[id] = true
	for s.ahead[s.next] || len(s.ahead) > maxAhead {
		delete(s.ahead, s.next)
		s.next++
	}
	return true
}

// After is the id after which tasks may be new. Not all of those are: Add tells.
func (s *Seen) After() int64 { return s.next - 1 }
