package cli

import (
	"context"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

const codeAbout = `Without FILE and options, the file of the flow is printed. FILE is a path as --list shows it.`

// codeCommand is `code`.
type codeCommand struct {
	id, file, output string
	list             bool
}

func (c *codeCommand) options() table {
	return table{
		{name: "list", set: flag(&c.list), help: "List the files and their sizes instead."},
		{name: "output", metavar: "DIR", set: text(&c.output), help: "Unpack all files into this folder, which must be empty or not exist yet."},
	}
}

func (c *codeCommand) arguments() []argument {
	return []argument{
		{name: "RUN", required: true, help: "The run: 12 or MyFlow/12.", set: func(word string) error { c.id = word; return nil }},
		{name: "FILE", help: "The file to print.", set: func(word string) error { c.file = word; return nil }},
	}
}

func (c *codeCommand) run(ctx context.Context, s *session) error {
	if c.output != "" && (c.list || c.file != "") || c.list && c.file != "" {
		return usagef("FILE, --list and --output cannot be combined.")
	}
	p, err := s.runNamed(c.id)
	if err != nil {
		return err
	}
	run, err := s.store.Service.RunOf(ctx, p)
	if err != nil {
		return err
	}
	if c.output != "" {
		n, err := s.store.Service.UnpackCode(ctx, run, s.path(c.output))
		if err != nil {
			return err
		}
		if s.global.json {
			return s.printJSON(struct {
				Output string `json:"output"`
				Files  int    `json:"files"`
			}{c.output, n})
		}
		s.inform("%s of %s unpacked to %s", counted(n, "file"), runPath(run), c.output)
		return nil
	}
	want := strings.TrimPrefix(filepath.ToSlash(c.file), "./")
	if c.file == "" {
		want = filepath.Base(run.Info.FlowFile)
	}
	out := writer{w: s.env.Stdout}
	var rows [][]string
	for e, err := range s.store.Service.Code(ctx, run) {
		switch {
		case err != nil:
			return err
		case !c.list && e.Path == want && s.global.json:
			content, err := io.ReadAll(e)
			if err != nil {
				return err
			}
			return s.printJSON(struct {
				Path    string `json:"path"`
				Content string `json:"content"`
			}{e.Path, string(content)})
		case !c.list && e.Path == want:
			_, err := io.Copy(s.env.Stdout, e)
			return err
		case !c.list:
		case s.global.json:
			err = out.json(struct {
				Path       string `json:"path"`
				Size       int64  `json:"size"`
				Executable bool   `json:"executable"`
			}{e.Path, e.Size, e.Executable})
			if err != nil {
				return err
			}
		default:
			rows = append(rows, []string{e.Path, strconv.FormatInt(e.Size, 10)})
		}
	}
	switch {
	case !c.list:
		return fault.New(fault.NotFound, "%s has no file %s", runPath(run), want).Do("levada code %d --list lists its files", run.ID)
	case s.global.json:
		return out.flush()
	}
	return s.printGrid([]column{{title: "FILE"}, {title: "SIZE"}}, rows)
}
