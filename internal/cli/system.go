package cli

import (
	"context"
	"os"
	"os/signal"
	"os/user"
	"syscall"
	"time"

	"golang.org/x/term"
)

// System returns the environment of this process, for main. Interrupts and
// requests to end are turned into Signals from then on.
func System(version string, open func(context.Context, Home) (Store, error)) Env {
	dir, _ := os.Getwd() // an empty one is the current folder too
	env := Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Dir: dir, Now: time.Now, Version: version, Open: open,
		Terminal: Terminal{
			Stdout: term.IsTerminal(int(os.Stdout.Fd())),
			Stderr: term.IsTerminal(int(os.Stderr.Fd())),
		},
	}
	if env.Terminal.Stdout {
		env.Terminal.Size = func() (columns, rows int) {
			columns, rows, _ = term.GetSize(int(os.Stdout.Fd()))
			return columns, rows
		}
	}
	if u, err := user.Current(); err == nil {
		env.User = u.Username
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	env.Signals = signals
	return env
}
