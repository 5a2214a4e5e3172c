package service

import (
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// ParsePathspec reads the name of a run, step or task: "12", "12/train", "12/train/3", each
// with or without the flow's name before it.
func ParsePathspec(text string) (Pathspec, error) {
	p := Pathspec{Task: -1}
	text = strings.Trim(text, "/")
	parts := strings.Split(text, "/")
	if len(parts) > 1 && !isNumber(parts[0]) {
		p.Flow, parts = parts[0], parts[1:]
	}
	bad := func() (Pathspec, error) {
		return Pathspec{}, fault.New(fault.Usage, "%q does not name a run, step or task", text).
			Do("write it as RUN, RUN/STEP or RUN/STEP/TASK, with or without FLOW/ before it; `levada runs` lists the runs")
	}
	// The whole name of an artifact, as the client has it, or without its task.
	if n := len(parts); (n == 3 || n == 4) && isNumber(parts[0]) && !isNumber(parts[n-1]) {
		at := strings.LastIndexByte(text, '/')
		return Pathspec{}, fault.New(fault.Usage, "%q does not name a run, step or task", text).
			Do("an artifact is shown by: levada dump %s --include %s", text[:at], text[at+1:])
	}
	if len(parts) > 3 {
		return bad()
	}
	var err error
	if p.Run, err = strconv.ParseInt(parts[0], 10, 64); err != nil || p.Run < 1 {
		return bad()
	}
	if len(parts) > 1 {
		p.Step = parts[1]
	}
	if len(parts) > 2 {
		if p.Task, err = strconv.ParseInt(parts[2], 10, 64); err != nil || p.Task < 0 {
			return bad()
		}
	}
	if len(parts) > 1 && p.Step == "" {
		return bad()
	}
	return p, nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// In is NotFound if a pathspec names another flow than the one that its run is a run of.
func (p Pathspec) In(flow string) error {
	if p.Flow == "" || p.Flow == flow {
		return nil
	}
	return fault.New(fault.NotFound, "run %d is a run of %s, not of %s", p.Run, flow, p.Flow).
		Do("run %d of %s is %[2]s/%[1]d; `levada runs --flow %[3]s` lists the runs of %[3]s", p.Run, flow, p.Flow)
}

// String returns the pathspec as it is written.
func (p Pathspec) String() string {
	s := strconv.FormatInt(p.Run, 10)
	if p.Flow != "" {
		s = p.Flow + "/" + s
	}
	if p.Step != "" {
		s += "/" + p.Step
	}
	if p.Task >= 0 {
		s += "/" + strconv.FormatInt(p.Task, 10)
	}
	return s
}
