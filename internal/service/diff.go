package service

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// Diff is how two runs differ. Pairs hold the first run's side and then the second's; nil is absent.
type Diff struct {
	Runs        [2]metastore.Run
	Parameters  []Change
	Tasks       [2]string // the tasks whose artifacts are compared, "12/end/3"; "" if a run has none
	Artifacts   []ArtifactChange
	Same        int // artifacts that are the same in both
	CodeKept    [2]bool
	Code        []FileChange
	Environment []Change
	Steps       []StepTimes // all steps, also those that took the same time
}

// Change is a named text that is not the same in both runs.
type Change struct {
	Name string
	Text [2]*string
}

// ArtifactChange is an artifact that is not the same in both runs.
type ArtifactChange struct {
	Name     string
	Artifact [2]*metastore.Artifact
	Preview  [2]string // short, see Service.Preview
}

// FileChange is a file of the code that is not the same in both runs.
type FileChange struct {
	Path           string
	Status         string // "added", "removed" or "changed"
	Added, Removed int    // lines
	Binary         bool
	Unified        string // the change as a unified diff; "" for a binary file
}

// StepTimes is what a step took in each run.
type StepTimes struct {
	Step  string
	Times [2]*StepTime
}

// StepTime is what a step took in a run: from the first start of a task to the last end.
type StepTime struct {
	Tasks int
	Took  time.Duration
}

// previewInDiff is how long a value is shown in a comparison.
const previewInDiff = 200

// Compare compares two runs. Paths name the runs and, if they go down to a step or a task, the tasks whose artifacts
// are compared: the last task of a step, by default that of the step that the flow ends with.
func (s *Service) Compare(ctx context.Context, paths [2]Pathspec) (*Diff, error) {
	d := &Diff{}
	var artifacts [2][]metastore.Artifact
	var files [2]map[string][]byte
	var counts [2][]metastore.StepCount
	hidden := map[string]bool{}
	for i, p := range paths {
		run, err := s.RunOf(ctx, p)
		if err != nil {
			return nil, err
		}
		d.Runs[i], d.CodeKept[i] = run, run.Code != metastore.Hash{}
		if artifacts[i], d.Tasks[i], err = s.compared(ctx, run, p, hidden); err != nil {
			return nil, err
		}
		if counts[i], err = s.Steps(ctx, run.ID); err != nil {
			return nil, err
		}
	}
	d.Parameters = changes(d.Runs[0].Info.Parameters, d.Runs[1].Info.Parameters)
	d.Environment = changedEnvironment(d.Runs)
	d.Steps = stepTimes(counts)
	if err := s.compareArtifacts(ctx, d, artifacts, hidden); err != nil {
		return nil, err
	}
	if !d.CodeKept[0] || !d.CodeKept[1] || d.Runs[0].Code == d.Runs[1].Code {
		return d, nil
	}
	for i, run := range d.Runs {
		var err error
		if files[i], err = s.files(ctx, run); err != nil {
			return nil, err
		}
	}
	d.Code = changedFiles(files)
	return d, nil
}

// compared returns the artifacts of the task of a run that is to be compared, and adds the attributes of the flow's
// parameters, which are told apart, to hidden.
func (s *Service) compared(ctx context.Context, run metastore.Run, p Pathspec, hidden map[string]bool) ([]metastore.Artifact, string, error) {
	def, err := s.Definition(ctx, run)
	if err != nil {
		return nil, "", err
	}
	for _, param := range def.Parameters {
		hidden[param.Attribute] = true
	}
	named := p.Step != ""
	if !named {
		p.Step = lastStep(def)
	}
	var task *TaskInfo
	for t, err := range s.Tasks(ctx, p) {
		if err != nil {
			if !named && fault.Is(err, fault.NotFound) {
				return nil, "", nil // it did not come to its end
			}
			return nil, "", err
		}
		task = &t
	}
	if task == nil {
		return nil, "", nil
	}
	list, err := s.Artifacts(ctx, *task, -1)
	return list, fmt.Sprintf("%d/%s/%d", run.ID, task.Task.Step, task.Task.ID), err
}

// compareArtifacts finds the public artifacts that differ.
func (s *Service) compareArtifacts(ctx context.Context, d *Diff, artifacts [2][]metastore.Artifact, hidden map[string]bool) error {
	if d.Tasks[0] == "" || d.Tasks[1] == "" {
		return nil
	}
	found := map[string]*ArtifactChange{}
	var names []string
	for i, list := range artifacts {
		for _, a := range list {
			if hidden[a.Name] || strings.HasPrefix(a.Name, "_") {
				continue
			}
			c := found[a.Name]
			if c == nil {
				c = &ArtifactChange{Name: a.Name}
				found[a.Name] = c
				names = append(names, a.Name)
			}
			c.Artifact[i] = &a
		}
	}
	slices.Sort(names)
	for _, name := range names {
		c := found[name]
		if c.Artifact[0] != nil && c.Artifact[1] != nil && c.Artifact[0].Hash == c.Artifact[1].Hash {
			d.Same++
			continue
		}
		for i, a := range c.Artifact {
			if a == nil {
				continue
			}
			var err error
			if c.Preview[i], err = s.Preview(ctx, *a, previewInDiff); err != nil {
				return err
			}
		}
		d.Artifacts = append(d.Artifacts, *c)
	}
	return nil
}

// changes returns what differs between two sets of named texts, by name.
func changes(old, new map[string]string) []Change {
	var list []Change
	for name, text := range old {
		if other, ok := new[name]; !ok {
			list = append(list, Change{name, [2]*string{&text, nil}})
		} else if other != text {
			list = append(list, Change{name, [2]*string{&text, &other}})
		}
	}
	for name, text := range new {
		if _, ok := old[name]; !ok {
			list = append(list, Change{name, [2]*string{nil, &text}})
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// changedEnvironment compares what the runs ran in and with.
func changedEnvironment(runs [2]metastore.Run) []Change {
	facts := func(r metastore.Run) []string {
		commit := r.Info.GitCommit
		if r.Info.GitDirty {
			commit += " with uncommitted changes"
		}
		return []string{
			"flow", r.Flow, "user", r.User, "host", r.Info.Host, r.Info.Language, r.Info.Runtime, "interpreter", r.Info.Interpreter,
			"sdk", r.Info.SDK, "levada", r.Info.Levada, "git commit", commit, "folder", r.Info.WorkingDir, "namespace", r.Info.Namespace,
			"project", r.Info.Project, "branch", r.Info.Branch, "isolation", r.Info.Isolation, "workers", strconv.Itoa(r.Info.MaxWorkers),
		}
	}
	old, new := facts(runs[0]), facts(runs[1])
	var list []Change
	for i := 0; i < len(old); i += 2 {
		if old[i] == new[i] && old[i+1] == new[i+1] {
			continue
		}
		c := Change{Name: new[i]}
		for side, text := range []string{old[i+1], new[i+1]} {
			if text != "" {
				c.Text[side] = &text
			}
		}
		list = append(list, c)
	}
	return list
}

// stepTimes puts the steps of two runs side by side, in the order of the second, then what only the first had.
func stepTimes(counts [2][]metastore.StepCount) []StepTimes {
	var list []StepTimes
	place := map[string]int{}
	for _, side := range []int{1, 0} {
		for _, c := range counts[side] {
			tasks := c.Running + c.Succeeded + c.Failed + c.Killed
			if c.Step == ParametersStep || tasks == 0 {
				continue
			}
			i, ok := place[c.Step]
			if !ok {
				i = len(list)
				place[c.Step] = i
				list = append(list, StepTimes{Step: c.Step})
			}
			list[i].Times[side] = &StepTime{tasks, max(0, c.Last.Sub(c.First))}
		}
	}
	return list
}

// files returns the files kept with a run.
func (s *Service) files(ctx context.Context, run metastore.Run) (map[string][]byte, error) {
	files := map[string][]byte{}
	for e, err := range s.Code(ctx, run) {
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(e); err != nil {
			return nil, err
		}
		files[e.Path] = b.Bytes()
	}
	return files, nil
}

// changedFiles compares two sets of files.
func changedFiles(files [2]map[string][]byte) []FileChange {
	paths := map[string]bool{}
	for _, side := range files {
		for path := range side {
			paths[path] = true
		}
	}
	var list []FileChange
	for path := range paths {
		old, had := files[0][path]
		new, has := files[1][path]
		if had && has && bytes.Equal(old, new) {
			continue
		}
		c := FileChange{Path: path, Status: "changed"}
		from, to := "a/"+path, "b/"+path
		switch {
		case !had:
			c.Status, from = "added", "/dev/null"
		case !has:
			c.Status, to = "removed", "/dev/null"
		}
		if c.Binary = !isText(old) || !isText(new); !c.Binary {
			c.Unified = string(diff.Diff(from, old, to, new))
			c.Added, c.Removed = countLines(c.Unified)
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b FileChange) int { return strings.Compare(a.Path, b.Path) })
	return list
}

func isText(data []byte) bool { return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 }

// countLines counts the lines that a unified diff adds and removes, its header aside.
func countLines(unified string) (added, removed int) {
	header := true
	for line := range strings.Lines(unified) {
		switch {
		case strings.HasPrefix(line, "@@"):
			header = false
		case header:
		case line[0] == '+':
			added++
		case line[0] == '-':
			removed++
		}
	}
	return added, removed
}
