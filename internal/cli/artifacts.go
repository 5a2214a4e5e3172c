package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/levadahq/levada/internal/service"
)

const artifactsAbout = `PATHSPEC names a run, a step or a task: 12, 12/train, 12/train/3. Of a run, the last task of each step is
meant; of a step, its last task; with --all, every task.`

// artifactsCommand is `artifacts`.
type artifactsCommand struct {
	pathspec     string
	private, all bool
}

func (c *artifactsCommand) options() table {
	return table{
		{name: "all", set: flag(&c.all), help: "The artifacts of all tasks of the step or run."},
		{name: "private", off: "no-private", set: flag(&c.private), help: "List artifacts whose names begin with an underscore, too."},
	}
}

func (c *artifactsCommand) arguments() []argument { return pathspecArgument(&c.pathspec) }

func (c *artifactsCommand) run(ctx context.Context, s *session) error {
	found, err := s.tasks(ctx, c.pathspec)
	if err != nil {
		return err
	}
	var tasks []service.TaskInfo
	last := map[string]int{} // step → place in tasks
	for t, err := range found {
		if err != nil {
			return err
		}
		if i, ok := last[t.Task.Step]; ok && !c.all {
			tasks[i] = t
			continue
		}
		last[t.Task.Step] = len(tasks)
		tasks = append(tasks, t)
	}
	out := writer{w: s.env.Stdout}
	var rows [][]string
	for _, t := range tasks {
		artifacts, err := s.store.Service.Artifacts(ctx, t, -1)
		if err != nil {
			return err
		}
		for _, a := range artifacts {
			if strings.HasPrefix(a.Name, "_") && !c.private {
				continue
			}
			value, err := s.store.Service.Preview(ctx, a, 200)
			if err != nil {
				return err
			}
			if !s.global.json {
				rows = append(rows, []string{taskPath(t), a.Name, a.Type, sizeText(a.Size), value})
				continue
			}
			err = out.json(struct {
				Task    string `json:"task"`
				Name    string `json:"name"`
				Type    string `json:"type"`
				Codec   string `json:"codec"`
				Size    int64  `json:"size"`
				Hash    string `json:"sha256"`
				Preview string `json:"preview"`
			}{taskPath(t), a.Name, a.Type, a.Codec, a.Size, fmt.Sprintf("%x", a.Hash), value})
			if err != nil {
				return err
			}
		}
	}
	switch {
	case s.global.json:
		return out.flush()
	case len(rows) == 0:
		s.inform("No artifacts.")
		return nil
	}
	columns := []column{{title: "TASK"}, {title: "NAME", least: 8}, {title: "TYPE", least: 8, spare: 1}, {title: "SIZE", spare: 2}, {title: "VALUE", least: 12}}
	if len(tasks) == 1 {
		s.inform("Artifacts of %s", taskPath(tasks[0]))
		columns = columns[1:]
		for i := range rows {
			rows[i] = rows[i][1:]
		}
	}
	return s.printGrid(columns, rows)
}
