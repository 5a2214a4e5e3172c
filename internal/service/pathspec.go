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
	parts := strings.Split(strings.Trim(text, "/"), "/")
	if _, err := strconv.ParseInt(parts[0], 10, 64); err != nil && len(parts) > 1 {
		p.Flow, parts = parts[0], parts[1:]
	}
	bad := func() (Pathspec, error) {
		return Pathspec{}, fault.New(fault.Usage, "%q does not name a run, step or task", text).
			Do("write it as RUN, RUN/STEP or RUN/STEP/TASK, with or without FLOW/ before it; `levada runs` lists the runs")
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
