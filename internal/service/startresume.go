package service

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// resumePatience is how long a resume that was started may take until its run is there. A flow that builds a program or an
// environment takes its time.
const resumePatience = 2 * time.Minute

// StartResume resumes a run in a process of its own, which goes on when this one ends, and returns the id of the new run. It runs
// where the run was run, with the same interpreter. What the process prints is kept in the store's folder until it has begun.
// NotFound if the flow is not on this machine any more; UserCode if the process ends before there is a run, with what it said.
func (s *Service) StartResume(ctx context.Context, id int64, step string) (int64, error) {
	run, err := s.RunByID(ctx, id)
	if err != nil {
		return 0, err
	}
	if run.Status == metastore.RunRunning {
		return 0, fault.New(fault.Conflict, "run %d still runs", id).Do("cancel it first: levada cancel %d", id)
	}
	if err := s.resumable(run); err != nil {
		return 0, err
	}
	i := run.Info
	file := i.FlowFile
	if !filepath.IsAbs(file) {
		file = filepath.Join(i.WorkingDir, file)
	}
	for _, path := range []string{file, i.WorkingDir} {
		if _, err := os.Stat(path); err != nil {
			return 0, fault.New(fault.NotFound, "run %d cannot be resumed from here: %s is not on this machine", id, path).
				Do("resume it where the flow is, or unpack its code with `levada code %d --output FOLDER`", id)
		}
	}
	dir, err := os.MkdirTemp("", "levada-resume-")
	if err != nil {
		return 0, fault.Wrap(fault.Permission, "start a resume", err)
	}
	defer os.RemoveAll(dir)
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		return 0, fault.Wrap(fault.Permission, "start a resume", err)
	}
	defer output.Close()
	args := []string{"resume", file, "--origin-run-id", itoa(id), "--run-id-file", filepath.Join(dir, "run")}
	if i.Interpreter != "" {
		args = append(args, "--python", i.Interpreter)
	}
	if step != "" {
		args = append(args, step)
	}
	program, err := os.Executable()
	if err != nil {
		return 0, fault.Wrap(fault.Internal, "start a resume", err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = i.WorkingDir, append(os.Environ(), "LEVADA_HOME="+s.c.Home, "LEVADA_SERVER=")
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = output, output, detached
	if err := cmd.Start(); err != nil {
		return 0, fault.Wrap(fault.Unavailable, "start a resume", err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	return awaitRun(ctx, dir, ended)
}

// awaitRun waits until a process that was started has told the id of its run.
func awaitRun(ctx context.Context, dir string, ended <-chan struct{}) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, resumePatience)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for over := false; ; {
		text, err := os.ReadFile(filepath.Join(dir, "run"))
		if id, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil {
			return id, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fault.Wrap(fault.Internal, "start a resume", err)
		}
		if over {
			said, _ := os.ReadFile(filepath.Join(dir, "output"))
			return 0, fault.New(fault.UserCode, "the resume did not begin: %s", bytes.TrimSpace(said[max(0, len(said)-4096):]))
		}
		select {
		case <-ended:
			over = true // once more: it may have told its run and ended since
		case <-look.C:
		case <-ctx.Done():
			return 0, fault.New(fault.Unavailable, "the resume has not begun in %s; it may still", resumePatience).Do("look at the list of runs")
		}
	}
}
