package cli

import "strings"

// started is how a flow was started that hands over its command line, as the user would type it again:
// "python flow.py", "./train", "go run ./examples/go/hello".
func (s *session) started() string {
	if as := s.env.variable("LEVADA_STARTED_AS"); as != "" {
		return as
	}
	return "python " + s.file()
}

// startedWords is the same as words, for the record of the run.
func (s *session) startedWords() []string {
	if as := s.env.variable("LEVADA_STARTED_AS"); as != "" {
		return strings.Fields(as)
	}
	return []string{"python", s.inv.file}
}

// module is what `python -m` was given to start a flow that hands over its command line; "" if it was a file.
func (s *session) module() string {
	if !s.inv.python {
		return ""
	}
	return s.env.variable("LEVADA_WORKER_MODULE")
}

// built is the program that a flow was built as that hands over its command line; "" if it is in Python.
func (s *session) built() string {
	if !s.inv.python {
		return ""
	}
	return s.env.variable("LEVADA_PROGRAM")
}
