package cli

import (
	"fmt"
	"io"
	"sync"
)

// preface is what a command says before its work: who runs what, that the flow has been looked at. It is held back
// until there is anything else to show, for where the command line is wrong there is nothing to say but that.
type preface struct {
	stderr io.Writer

	mu   sync.Mutex
	held []byte
	over bool
}

// say adds a line, or prints it if something else has been shown.
func (p *preface) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		fmt.Fprintln(p.stderr, line)
		return
	}
	p.held = append(append(p.held, line...), '\n')
}

// end ends the preface; it is printed, unless it is to be dropped.
func (p *preface) end(drop bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) > 0 && !drop {
		_, _ = p.stderr.Write(p.held)
	}
	p.held, p.over = nil, true
}

// prefaced is a stream before which the preface is to be seen.
type prefaced struct {
	io.Writer
	preface *preface
}

func (p prefaced) Write(b []byte) (int, error) {
	p.preface.end(false)
	return p.Writer.Write(b)
}
