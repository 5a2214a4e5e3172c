package cli

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/levadahq/levada/internal/service"
)

const spinAbout = `TASK is a step of the flow's latest run, RUN/STEP, of which the newest task is taken, or RUN/STEP/TASK. The step runs
with the code as it is now and the inputs that the task had. It is the only one that runs, and neither runs nor resume
know of it afterwards.`

// spinCommand is `spin`.
type spinCommand struct {
	global         *globalOptions
	task           string
	skipDecorators bool
	artifacts      string
	persist        bool
	maxLogSize     int64
	runIDFile      string
	attributeFile  string
}

func (c *spinCommand) options() table {
	return table{
		{name: "skip-decorators", off: "no-skip-decorators", dest: "SKIP_DECORATORS", set: flag(&c.skipDecorators),
			help: "Run the step without its decorators."},
		{name: "artifacts-module", metavar: "PATH", dest: "ARTIFACTS_MODULE", set: text(&c.artifacts),
			help: "A Python file with a dictionary ARTIFACTS: values that replace artifacts that the step gets."},
		{name: "persist", off: "no-persist", dest: "PERSIST", set: flag(&c.persist), fallback: []string{"METAFLOW_SPIN_PERSIST"},
			help: "Store the artifacts that the step makes."},
		{name: "max-log-size", metavar: "INTEGER", dest: "MAX_LOG_SIZE", set: number(&c.maxLogSize, 0), def: "10",
			help: "How many MB of each of the task's streams are kept; 0 keeps all."},
		{name: "run-id-file", metavar: "PATH", dest: "RUN_ID_FILE", set: text(&c.runIDFile),
			help: "Write the run's id to this file before the task starts."},
		{name: "runner-attribute-file", metavar: "PATH", dest: "RUNNER_ATTRIBUTE_FILE", set: text(&c.attributeFile),
			help: "Write run, step and task to this file, as JSON, before the task starts."},
	}
}

func (c *spinCommand) arguments() []argument {
	return []argument{{name: "TASK", required: true, help: "The task to run again.", set: func(word string) error {
		c.task = word
		return nil
	}}}
}

func (c *spinCommand) run(ctx context.Context, s *session) error {
	if err := s.validate(); err != nil {
		return err
	}
	if err := s.tryFiles(c.runIDFile, c.attributeFile); err != nil {
		return err
	}
	o := service.SpinOptions{RunOptions: s.choices(), Task: c.task, SkipDecorators: c.skipDecorators, Persist: c.persist}
	o.MaxWorkers, o.MaxLogSize = 1, c.maxLogSize<<20
	if c.artifacts != "" {
		o.Artifacts = s.path(c.artifacts)
	}
	o.OnTask = func(run int64, step string, task int64, of service.Pathspec) error {
		if c.task != of.String() {
			s.inform("Spinning %s. Use this name to spin the same task again, even after later runs.", of)
		}
		return c.writeFiles(s, run, step, task)
	}
	w := s.watch(&o.RunOptions)
	if text, ok := w.display.(*console); ok {
		text.alone = true
	}
	res, err := s.store.Service.Spin(ctx, s.flow, o)
	if res.Run == 0 {
		err = unnamed(err)
	}
	return s.finish(ctx, w, res, err)
}

func (c *spinCommand) writeFiles(s *session, run int64, step string, task int64) error {
	id := strconv.FormatInt(run, 10)
	if err := s.writeFile(runIDOption, c.runIDFile, []byte(id)); err != nil {
		return err
	}
	attributes, err := json.Marshal(struct {
		Task     string `json:"task_id"`
		Step     string `json:"step_name"`
		Run      string `json:"run_id"`
		Flow     string `json:"flow_name"`
		Metadata string `json:"metadata"`
	}{strconv.FormatInt(task, 10), step, id, s.flow.Definition().Name, s.metadataName()})
	if err != nil {
		return err
	}
	return s.writeFile(attributeOption, c.attributeFile, attributes)
}
