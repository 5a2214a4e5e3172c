package graph

import (
	"encoding/json"
	"strings"
)

// Exec is a program that runs a step in the place of the flow's own code: what @exec asks for.
type Exec struct {
	Command  []string // the program and its arguments
	Inputs   []string // artifacts that it reads
	Outputs  []string // artifacts that it must make
	Protocol bool     // it speaks the worker protocol
}

// exec reads the attributes of @exec.
func (d *decorator) exec() *Exec {
	e := &Exec{}
	for _, a := range []struct {
		name string
		into any
	}{{"command", &e.Command}, {"inputs", &e.Inputs}, {"outputs", &e.Outputs}, {"protocol", &e.Protocol}} {
		raw := d.d.Attributes[a.name]
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		if err := json.Unmarshal(raw, a.into); err != nil {
			d.problem("%s is %s, which is not a list of names. Write command=[\"./program\", \"argument\"], inputs=[\"a\"], outputs=[\"b\"]", a.name, raw)
			return nil
		}
	}
	switch {
	case len(e.Command) == 0 || e.Command[0] == "":
		d.problem("it names no program. Write the program and its arguments")
		return nil
	case d.v.Next != nil && d.v.Next.Kind == NextParallel:
		d.problem("a step that opens a gang cannot be run by a program, because the program cannot say how many nodes to start. Open the gang in a step of the flow")
		return nil
	case e.Protocol && (len(e.Inputs) > 0 || len(e.Outputs) > 0):
		d.problem("a program that speaks the protocol asks for what it needs. Leave out inputs and outputs")
		return nil
	}
	for _, name := range append(append([]string(nil), e.Inputs...), e.Outputs...) {
		if name == "" || strings.ContainsAny(name, "/\\\x00.") {
			d.problem("%q cannot be the name of an artifact", name)
			return nil
		}
	}
	return e
}
