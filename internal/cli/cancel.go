package cli

import "context"

const cancelAbout = `Its tasks are asked to end, as on Ctrl-C, and the run is recorded as interrupted. The run may go on in another
terminal or on another machine: the process that runs it checks for this every second. The command does not wait for the end.`

// cancelCommand is `cancel`.
type cancelCommand struct {
	bare
	name string
}

func (c *cancelCommand) arguments() []argument {
	return []argument{{name: "RUN", required: true, help: "The run: 12 or MyFlow/12.",
		set: func(word string) error { c.name = word; return nil }}}
}

func (c *cancelCommand) run(ctx context.Context, s *session) error {
	p, err := s.pathspec(c.name)
	if err != nil {
		return err
	}
	if p.Step != "" {
		return usagef("%s is not the name of a run", c.name)
	}
	run, err := s.store.Service.RunOf(ctx, p)
	if err != nil {
		return err
	}
	if err := s.store.Service.Cancel(ctx, run.ID); err != nil {
		return err
	}
	s.inform("Run %d is asked to end.", run.ID)
	return nil
}
