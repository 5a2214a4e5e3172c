// Hello is the smallest flow worth running: three steps in a row and one artifact that travels through them.
package main

import (
	"fmt"

	"github.com/levadahq/levada/flow"
)

// Hello is the flow: its exported fields are the artifacts.
type Hello struct {
	Name  string  `param:"" default:"world" help:"Who is greeted."`
	Alpha float64 `param:"" default:"0.1" min:"0" max:"1" help:"How warmly, from 0 to 1."`

	Greeting string
}

// Start makes the greeting.
func (h *Hello) Start(t *flow.Task) error {
	h.Greeting = "hello " + h.Name
	return nil
}

// Warm makes it as warm as it should be.
func (h *Hello) Warm(t *flow.Task) error {
	if h.Alpha > 0.2 {
		h.Greeting += "!"
	}
	t.Log.Info("warmed", "alpha", h.Alpha)
	return nil
}

// End says it.
func (h *Hello) End(t *flow.Task) error {
	fmt.Println(h.Greeting)
	return nil
}

func main() {
	flow.New[Hello]("Hello").
		Doc("Greets somebody.").
		Step("start", (*Hello).Start, flow.To("warm")).
		Step("warm", (*Hello).Warm, flow.To("end")).
		Step("end", (*Hello).End).
		Main()
}
