package runner

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"

	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// Processes that a step forks, as multiprocessing does, read artifacts too. Two processes that talk over one socket
// would garble what both say, so each has a conversation of its own, in which it may ask, and nothing else: its other
// end comes with the frame that says that a process is about to be forked.

// listen makes a socket the one that the conversation is held on.
func (c *conversation) listen(socket *os.File) {
	c.out = socket
	var err error
	if c.passed, err = worker.NewPassing(socket); err != nil { // it is closed, as reading it tells
		c.in = bufio.NewReader(socket)
		return
	}
	c.in = bufio.NewReaderSize(c.passed, 4<<10)
}

// fork begins the conversation of a process that is about to be forked. It knows what this one knows.
func (c *conversation) fork() {
	socket := c.passed.Take()
	if socket == nil {
		return
	}
	if c.life == nil {
		c.life, c.end = context.WithCancel(c.r.ctx)
	}
	c.forks++
	child := &conversation{a: c.a, r: c.r, merged: maps.Clone(c.merged), label: fmt.Sprintf("%sfork%d-", c.label, c.forks)}
	child.listen(socket)
	go child.serve(c.life)
}

// serve answers a process that the step has forked, until it has ended or life has,
// that of the process it was forked from.
func (c *conversation) serve(life context.Context) {
	defer context.AfterFunc(life, func() { c.out.Close() })()
	defer c.out.Close()
	defer c.close()
	for {
		var m protocol.FromTask
		if _, err := protocol.ReadFrame(c.in, &m); err != nil {
			return
		}
		switch m.Type {
		case "done", "metadata", "card", "timeout": // for the task to say
		case "fork":
			c.fork()
		default:
			if c.respond(&m) != nil {
				return
			}
		}
	}
}

// close ends what the conversation has open, but for its own socket.
func (c *conversation) close() {
	for _, f := range c.fifos {
		f.Close()
	}
	if c.end != nil {
		c.end()
	}
	if c.passed != nil {
		c.passed.Close()
	}
}
