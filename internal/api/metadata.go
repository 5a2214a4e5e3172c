package api

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/service"
)

// Metadata returns what is known of a task by name. Metaflow's names are used where they make sense.
func (s *Service) Metadata(ctx context.Context, q MetadataRequest) (MetadataResult, error) {
	run, t, err := s.task(ctx, q.Run, q.Task)
	if err != nil {
		return MetadataResult{}, err
	}
	if guest, ok := s.c.Store.(metastore.Guest); ok && run.Info.Engine != "" {
		return notedMetadata(ctx, guest, q)
	}
	tasks, err := s.tasksOf(ctx, run, []metastore.Task{t})
	if err != nil {
		return MetadataResult{}, err
	}
	task := &tasks[0]
	m := metadata{list: []Metadatum{}}
	for i := range task.Attempts {
		if a := &task.Attempts[i]; q.Attempt == nil || *q.Attempt == a.N {
			m.describe(s.c.Home, run, task, a)
			if len(task.Stack) > 0 {
				g, err := s.graph(ctx, run)
				if err != nil {
					return MetadataResult{}, err
				}
				m.describeStack(g, task, a)
			}
			m.describeEnd(a)
		}
	}
	if t.Step == service.ParametersStep {
		g, err := s.graph(ctx, run)
		if err != nil {
			return MetadataResult{}, err
		}
		m.add("start_step", g.Start.Name)
		m.add("end_step", g.End.Name)
	}
	return MetadataResult{Metadata: m.list}, nil
}

// notedMetadata is what another engine than Levada's said of a task.
func notedMetadata(ctx context.Context, guest metastore.Guest, q MetadataRequest) (MetadataResult, error) {
	res := MetadataResult{Metadata: []Metadatum{}}
	for n, err := range guest.Notes(ctx, q.Run, []int64{q.Task}, metastore.NoteMetadata) {
		if err != nil {
			return MetadataResult{}, err
		}
		m := Metadatum{Name: n.Name, Value: metastore.NoteText(n.Value), Type: n.Type, Created: TimeOf(n.At), Attempt: metastore.NoteAttempt(n.Tags)}
		if q.Attempt == nil || *q.Attempt == m.Attempt {
			res.Metadata = append(res.Metadata, m)
		}
	}
	return res, nil
}

func scriptOf(r metastore.Run) string { return filepath.Base(r.Info.FlowFile) }

// metadata collects what is known of a task.
type metadata struct {
	list    []Metadatum
	attempt int
	at      Time
}

func (m *metadata) add(name, value string) { m.addTyped(name, name, value) }

func (m *metadata) addTyped(name, typ, value string) {
	m.list = append(m.list, Metadatum{Name: name, Value: value, Type: typ, Created: m.at, Attempt: m.attempt})
}

// addIf leaves out what is not known.
func (m *metadata) addIf(name, value string) {
	if value != "" && value != "0" {
		m.add(name, value)
	}
}

func (m *metadata) describe(home string, run metastore.Run, t *Task, a *Attempt) {
	m.attempt, m.at = a.N, a.Started
	for _, tag := range run.SystemTags {
		for _, name := range []string{"user", "production", "runtime", "python_version", "levada_version", "project", "project_branch"} {
			if value, ok := strings.CutPrefix(tag, name+":"); ok {
				m.add(name, value)
			}
		}
	}
	m.add("script-name", scriptOf(run))
	m.add("attempt", strconv.Itoa(a.N))
	m.add("ds-type", "local")
	m.add("ds-root", home)
	m.addIf("host", run.Info.Host)
	m.addIf("pid", strconv.Itoa(a.PID))
	if len(a.GPUs) > 0 {
		m.add("gpus", strings.Join(a.GPUs, ",")) // "0" is one
	}
	m.addIf("origin-run-id", formatID(run.Origin))
	if t.Origin != 0 {
		m.add("origin-task-id", formatID(t.ID)) // resume keeps ids
	}
	if h := hashText(run.Code); h != "" {
		text, _ := json.Marshal(map[string]string{"sha": h, "script": scriptOf(run)})
		m.add("code-package", string(text))
	}
	if run.Info.GitCommit != "" {
		text, _ := json.Marshal(map[string]any{"commit": run.Info.GitCommit, "dirty": run.Info.GitDirty})
		m.add("git-info", string(text))
	}
	for _, e := range run.Info.Environments {
		if slices.Contains(e.Steps, t.Step) {
			text, _ := json.Marshal(map[string]any{"python": e.Python, "packages": e.Packages, "lock": e.Lock})
			m.add("environment", string(text))
		}
	}
}

// describeEnd tells how an attempt ended.
func (m *metadata) describeEnd(a *Attempt) {
	if a.Ended == 0 {
		return
	}
	m.at = a.Ended
	m.addTyped("attempt_ok", "internal_attempt_status", map[bool]string{true: "True", false: "False"}[a.Status.Good()])
	m.add("attempt-done", strconv.Itoa(a.N))
	m.add("exit-code", strconv.Itoa(a.ExitCode))
	m.addIf("signal", strconv.Itoa(a.Signal))
	m.addIf("peak-memory", strconv.FormatInt(a.PeakMemory, 10))
	m.add("cpu-seconds", strconv.FormatFloat(a.UserCPU+a.SystemCPU, 'f', 3, 64))
}

// describeStack tells of the foreaches and gangs around a task: as steps that they run with the index in each.
func (m *metadata) describeStack(g *graph.Graph, t *Task, a *Attempt) {
	path, stack := make([]string, len(t.Stack)), make([]string, len(t.Stack))
	own := len(t.Stack) - 1 // the element that is recorded with the task; a join has none
	if n := g.Lookup(t.Step); n != nil && n.Kind == graph.Join {
		own = -1
	}
	for i, f := range t.Stack {
		step := f.Step
		if n := g.Lookup(f.Step); n != nil && len(n.Out) > 0 {
			step = n.Out[0].Name
		}
		path[i] = fmt.Sprintf("%s:%d", step, f.Index)
		stack[i] = fmt.Sprintf("'%s[%d]'", f.Var, f.Index)
		if i == own {
			stack[i] = pythonText(f.Var + "=" + a.Value)
		}
	}
	m.add("foreach-execution-path", strings.Join(path, ","))
	m.add("foreach-stack", "["+strings.Join(stack, ", ")+"]")
	if last := t.Stack[len(t.Stack)-1]; last.Gang {
		m.add("parallel-world-size", strconv.Itoa(last.Count))
		m.add("parallel-node-index", strconv.Itoa(last.Index))
	}
}

// pythonText is a text as Python shows it.
func pythonText(text string) string {
	quote := "'"
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		quote = `"`
	}
	return quote + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, quote, `\`+quote).Replace(text) + quote
}

func formatID(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
