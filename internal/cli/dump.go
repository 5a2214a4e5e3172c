package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/pickle"
	"github.com/levadahq/levada/internal/service"
)

// dumpCommand is `dump`.
type dumpCommand struct {
	pathspec string
	private  bool
	include  []string
	limit    int64
	file     string
	out      writer
	damaged  []string // artifacts whose values are not there any more as they were stored
}

func (c *dumpCommand) options() table {
	return table{
		{name: "private", off: "no-private", set: flag(&c.private), help: "Print artifacts whose names begin with an underscore, too."},
		{name: "include", metavar: "NAMES", set: commas(&c.include), help: "Only these artifacts, separated by commas."},
		{name: "max-value-size", metavar: "INTEGER", dest: "MAX_VALUE_SIZE", set: number(&c.limit, 0), def: "1000",
			help: "The largest artifact, in bytes, whose value is printed."},
		{name: "file", metavar: "PATH", set: text(&c.file),
			help: "Write the values to this file instead, as a Python pickle: {'RUN/STEP/TASK': {name: value}}."},
	}
}

func (c *dumpCommand) arguments() []argument { return pathspecArgument(&c.pathspec) }

func (c *dumpCommand) run(ctx context.Context, s *session) error {
	tasks, err := s.tasks(ctx, c.pathspec)
	if err != nil {
		return err
	}
	c.out.w = s.env.Stdout
	values := map[string]map[string][]byte{}
	missing := slices.Clone(c.include)
	var known []string
	for t, err := range tasks {
		if err != nil {
			return err
		}
		artifacts, err := s.store.Service.Artifacts(ctx, t, -1)
		if err != nil {
			return err
		}
		for _, a := range artifacts {
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == a.Name })
			if len(missing) > 0 && !slices.Contains(known, a.Name) {
				known = append(known, a.Name)
			}
		}
		artifacts = slices.DeleteFunc(artifacts, func(a metastore.Artifact) bool { return !c.wants(a.Name) })
		switch {
		case c.file != "":
			values[taskPath(t)], err = c.collect(ctx, s, t, artifacts)
		case s.global.json:
			err = c.json(ctx, s, t, artifacts)
		default:
			err = c.task(ctx, s, t, artifacts)
		}
		if err != nil {
			return err
		}
	}
	if c.file == "" {
		err = c.out.flush()
	} else if len(c.damaged) == 0 { // a file would not tell what is missing
		err = c.writeFile(s, values)
	}
	switch {
	case err != nil:
		return err
	case len(c.damaged) > 0:
		return fault.New(fault.Corrupt, "the values of artifacts are damaged or missing: %s", strings.Join(c.damaged, ", ")).
			Do("`levada doctor` shows what is damaged and what can be repaired")
	case len(missing) > 0:
		return noArtifacts(missing, known)
	}
	return nil
}

// value reads the value of an artifact. One that is damaged or lost is remembered, and the
// others are still shown: data is nil then.
func (c *dumpCommand) value(ctx context.Context, s *session, t service.TaskInfo, a metastore.Artifact) (data []byte, err error) {
	data, err = s.store.Service.Value(ctx, a)
	switch {
	case err == nil && data == nil:
		return []byte{}, nil
	case err == nil:
		return data, nil
	case fault.KindOf(err) == fault.Corrupt, fault.KindOf(err) == fault.NotFound:
		c.damaged = append(c.damaged, fmt.Sprintf("%s of %s (%v)", a.Name, taskPath(t), err))
		return nil, nil
	}
	return nil, err
}

// noArtifacts says that artifacts that are asked for are in none of the tasks.
func noArtifacts(missing, known []string) error {
	f := fault.New(fault.NotFound, "there is no artifact %s", strings.Join(missing, ", "))
	if near := nearest(missing[0], known); near != "" {
		return f.Do("did you mean %s?", near)
	}
	known = slices.DeleteFunc(known, func(name string) bool { return strings.HasPrefix(name, "_") })
	if len(known) == 0 || len(known) > 12 {
		return f.Do("`levada artifacts` lists those that exist")
	}
	return f.Do("these exist: %s", strings.Join(known, ", "))
}

// wants reports whether an artifact is to be shown. One that is named is.
func (c *dumpCommand) wants(name string) bool {
	if c.include != nil {
		return slices.Contains(c.include, name)
	}
	return c.private || !strings.HasPrefix(name, "_")
}

// task prints the artifacts of one task.
func (c *dumpCommand) task(ctx context.Context, s *session, t service.TaskInfo, artifacts []metastore.Artifact) error {
	if err := c.out.flush(); err != nil {
		return err
	}
	s.inform("Dumping output of run_id=%d step=%s task_id=%d", t.Task.Run, t.Task.Step, t.Task.ID)
	for _, a := range artifacts {
		value := "< artifact too large >"
		if a.Size <= c.limit {
			data, err := c.value(ctx, s, t, a)
			if err != nil {
				return err
			}
			value = "< artifact damaged >"
			if data != nil {
				value = preview(a, data)
			}
		}
		c.out.buf = fmt.Appendf(c.out.buf, "%s [size: %d type: %s] = %s\n", a.Name, a.Size, typeText(a), value)
		if err := c.out.spill(); err != nil {
			return err
		}
	}
	return c.out.err
}

// json prints the artifacts of one task, one object each. The value of one that is too large is null.
func (c *dumpCommand) json(ctx context.Context, s *session, t service.TaskInfo, artifacts []metastore.Artifact) error {
	path := taskPath(t)
	for _, a := range artifacts {
		object := struct {
			Task  string  `json:"task"`
			Name  string  `json:"name"`
			Type  string  `json:"type"`
			Codec string  `json:"codec"`
			Size  int64   `json:"size"`
			Hash  string  `json:"sha256"`
			Value *string `json:"value"`
		}{path, a.Name, a.Type, a.Codec, a.Size, fmt.Sprintf("%x", a.Hash), nil}
		if a.Size <= c.limit {
			data, err := c.value(ctx, s, t, a)
			if err != nil {
				return err
			}
			if data == nil {
				continue // its error comes last
			}
			value := preview(a, data)
			object.Value = &value
		}
		if err := c.out.json(object); err != nil {
			return err
		}
	}
	return c.out.err
}

// collect reads the values of artifacts for --file.
func (c *dumpCommand) collect(ctx context.Context, s *session, t service.TaskInfo, artifacts []metastore.Artifact) (map[string][]byte, error) {
	values := make(map[string][]byte, len(artifacts))
	for _, a := range artifacts {
		data, err := c.value(ctx, s, t, a)
		if err != nil {
			return nil, err
		}
		if data == nil {
			continue
		}
		if values[a.Name], err = pickled(a, data); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// writeFile writes the values as one pickle.
func (c *dumpCommand) writeFile(s *session, values map[string]map[string][]byte) error {
	path := s.path(c.file)
	f, err := os.Create(path)
	if err != nil {
		return unwritten("--file", path, err)
	}
	err = pickle.EncodeNested(f, values)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	s.inform("Artifacts written to %s", c.file)
	return nil
}
