package service

// Seen remembers which tasks of a run have been seen. Tasks get their ids one after the other, but are recorded when
// their process has started, or has ended: one may come after others with larger ids.
type Seen struct {
	next   int64          // all below have been seen, or are missed
	ahead  map[int64]bool // seen, from there on
	missed map[int64]bool // given up, until the run has ended
}

// maxAhead is how many tasks are seen before one that is missing is given up: a resumed run has not taken over all that
// its origin had, and each look reads those that were seen. A slow one in a process of many may be farther behind.
const maxAhead = 2000

// Add notes a task and reports whether it is new.
func (s *Seen) Add(id int64) bool {
	if s.ahead == nil {
		s.ahead, s.missed = make(map[int64]bool), make(map[int64]bool)
	}
	if id < s.next {
		late := s.missed[id]
		delete(s.missed, id)
		return late
	}
	if s.ahead[id] {
		return false
	}
	s.ahead[id] = true
	for s.ahead[s.next] || len(s.ahead) > maxAhead {
		if !s.ahead[s.next] {
			s.missed[s.next] = true
		}
		delete(s.ahead, s.next)
		s.next++
	}
	return true
}

// After is the id after which tasks may be new. Not all of those are: Add tells. When the run has ended, those that
// were given up are looked for once more.
func (s *Seen) After(ended bool) int64 {
	if ended && len(s.missed) > 0 {
		return -1
	}
	return s.next - 1
}
