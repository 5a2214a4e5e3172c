package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// resumePatience is how long a resume that was started may take until its run is there. A flow that builds a
// program or an environment takes its time.
const resumePatience = 2 * time.Minute

// StartResume resumes a run in a process of its own, which goes on when this one ends, or nobody waits for it any more,
// and returns the id of the new run. It runs where the run was run, with the same interpreter. NotFound if the flow is
// not on this machine any more, or has no such step; Permission if anybody but the user of this process has a say in
// what would be started; UserCode if the process ends before there is a run, with what it said.
func (s *Service) StartResume(ctx context.Context, id int64, step string) (int64, error) {
	run, err := s.RunByID(ctx, id)
	if err != nil {
		return 0, err
	}
	if run.Status == metastore.RunRunning {
		return 0, fault.New(fault.Conflict, "run %d is still running", id).Do("cancel it first: levada cancel %d", id)
	}
	if err := s.resumable(run); err != nil {
		return 0, err
	}
	if err := s.checkStep(ctx, run, step); err != nil {
		return 0, err
	}
	file, err := startable(run)
	if err != nil {
		return 0, err
	}
	child, err := s.startResume(run, resumeArguments(run, file, step))
	if err != nil {
		return 0, err
	}
	return child.await(ctx)
}

// checkStep makes sure that a step that somebody names is one of the run's flow.
// Without a name there is nothing to check.
func (s *Service) checkStep(ctx context.Context, run metastore.Run, step string) error {
	if step == "" {
		return nil
	}
	def, err := s.Definition(ctx, run)
	if err != nil {
		return err
	}
	var names []string
	for _, st := range def.Steps {
		names = append(names, st.Name)
	}
	if !slices.Contains(names, step) {
		return fault.New(fault.NotFound, "the flow of run %d has no step %q", run.ID, step).Do("its steps are: %s", strings.Join(names, ", "))
	}
	return nil
}

// startable returns where the flow of a run is, if it may be started on behalf of whoever asks: many may be able
// to reach a server, and what it starts runs as its user. So the run has to be one that this user recorded, as
// far as can be told, for a resume reads what a run left as Python does; and nobody else may be able to change
// the flow, its folder, and its interpreter.
func startable(run metastore.Run) (file string, err error) {
	trust := func(err error) error {
		if err == nil {
			return nil
		}
		return fault.New(fault.Permission, "the server does not resume run %d for other users: %v", run.ID, err).
			Do("resume it yourself, as the user who owns the flow: levada resume %s --origin-run-id %d", filepath.Base(run.Info.FlowFile), run.ID)
	}
	if run.Info.Foreign {
		return "", trust(errors.New("it was recorded through a server, and not by a process of the server's user on the server's machine"))
	}
	if file, err = flowOnDisk(run); err != nil {
		return "", err
	}
	paths := []string{file, run.Info.WorkingDir}
	// A name without a slash is looked for on the path of this process, which is its own.
	if python := run.Info.Interpreter; strings.Contains(python, "/") {
		if !filepath.IsAbs(python) {
			python = filepath.Join(run.Info.WorkingDir, python)
		}
		paths = append(paths, python)
	}
	for _, path := range paths {
		if err := trust(onlyOurs(path)); err != nil {
			return "", err
		}
	}
	return file, nil
}

// flowOnDisk returns where the flow of a run is on this machine.
func flowOnDisk(run metastore.Run) (string, error) {
	i := run.Info
	file := i.FlowFile
	if !filepath.IsAbs(file) {
		file = filepath.Join(i.WorkingDir, file)
	}
	for _, path := range []string{file, i.WorkingDir} {
		if _, err := os.Stat(path); err != nil || !filepath.IsAbs(path) {
			return "", fault.New(fault.NotFound, "run %d cannot be resumed from here: %s is not on this machine", run.ID, path).
				Do("resume it where the flow is, or unpack its code with `levada code %d --output FOLDER`", run.ID)
		}
	}
	return file, nil
}

// resumeArguments is the command line of a resume. What others have a say in, records and requests, stands where it
// cannot be taken for an option: behind the = of one, or behind --. A file begins with a slash.
func resumeArguments(run metastore.Run, file, step string) []string {
	args := []string{"resume", file, "--origin-run-id=" + itoa(run.ID), "--run-id-descriptor=3"}
	if python := run.Info.Interpreter; python != "" {
		args = append(args, "--python="+python)
	}
	if step != "" {
		args = append(args, "--", step)
	}
	return args
}

// resuming is a resume that was started. Neither side needs the other: what the process says of itself goes to a file
// without a name, and the id of its run through a pipe, so that nothing stays behind whoever of the two ends first, and
// however. What its tasks print, which has no bound, goes nowhere but into their logs.
type resuming struct {
	output *os.File
	id     chan int64    // gets the id of its run; closed if there is none
	ended  chan struct{} // closed when the process is gone
}

// startResume starts the process of a resume.
func (s *Service) startResume(run metastore.Run, args []string) (*resuming, error) {
	const op = "start a resume"
	output, err := nameless()
	if err != nil {
		return nil, fault.Wrap(fault.Permission, op, err)
	}
	from, to, err := os.Pipe()
	if err != nil {
		output.Close()
		return nil, fault.Wrap(fault.Unavailable, op, err)
	}
	defer to.Close() // the process has its own
	program, err := os.Executable()
	if err != nil {
		output.Close()
		from.Close()
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = run.Info.WorkingDir, append(os.Environ(), "LEVADA_HOME="+s.c.Home, "LEVADA_SERVER=")
	cmd.Stderr, cmd.SysProcAttr = output, detached
	cmd.ExtraFiles = []*os.File{to} // descriptor 3
	if err := cmd.Start(); err != nil {
		output.Close()
		from.Close()
		return nil, fault.Wrap(fault.Unavailable, op, err)
	}
	r := &resuming{output: output, id: make(chan int64, 1), ended: make(chan struct{})}
	go func() {
		defer close(r.id)
		defer from.Close()
		text, _ := io.ReadAll(from)
		if id, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			r.id <- id
		}
	}()
	go func() { cmd.Wait(); close(r.ended) }()
	return r, nil
}

// nameless returns a new file that goes when the last who has it open closes it.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "levada-resume-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// await waits until the process has told the id of its run. It is not ended if nobody waits any longer.
func (r *resuming) await(ctx context.Context) (int64, error) {
	defer r.output.Close()
	ctx, cancel := context.WithTimeout(ctx, resumePatience)
	defer cancel()
	late := fault.New(fault.Unavailable, "the resume has not started yet, but goes on in the background").Do("look for it in the list of runs")
	select {
	case id, ok := <-r.id:
		if ok {
			return id, nil
		}
	case <-ctx.Done():
		return 0, late
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
		return 0, late
	}
	return 0, fault.New(fault.UserCode, "the resume did not start: %s", r.lastSaid())
}

// lastSaid is the end of what the process has said.
func (r *resuming) lastSaid() []byte {
	const most = 4096
	st, err := r.output.Stat()
	if err != nil {
		return nil
	}
	said, _ := io.ReadAll(io.NewSectionReader(r.output, max(0, st.Size()-most), most))
	return bytes.TrimSpace(said)
}
