package graph

import (
	"regexp"
	"strings"
)

// goWords are what the messages of the checks, which show how to mend a flow in Python, say of one in Go:
// the first that fit are replaced, in order.
var goWords = [][2]string{
	{`Add a self\.next\(\.\.\.\) as its last line`, `Give it an option such as flow.To("next")`},
	{`Define it with @step, or correct`, `Add it with Step, or correct`},
	{`Write a method and decorate it with @step\.`, `Add one with Step.`},
	{`Write "def \w+\(self, inputs\)" to make it one\.`, `Add it with Join instead of Step.`},
	{`Write "def \w+\(self\)", or split`, `Add it with Step instead of Join, or split`},
	{`Add a join step, one that takes inputs, before`, `Add a step with Join before`},
	{`takes inputs, so it is a join`, `is a join`},
	{`annotate one with @step\(start=True\)`, `give one the option flow.Start()`},
	{`annotate one with @step\(end=True\)`, `give one the option flow.End()`},
	{`annotated with start=True`, `marked with flow.Start()`},
	{`annotated with end=True`, `marked with flow.End()`},
	{`keep the annotation on one`, `keep that option at one`},
	{`remove the annotation of (\w+)`, `take the option from $1`},
	{`self\.next\(self\.a, foreach='items'\)`, `flow.Foreach("Items", "a")`},
	{`self\.next\(self\.(\w+), num_parallel=n\)`, `flow.Gang("N", "$1")`},
	{`self\.next\(self\.(\w+), self\.(\w+)\)`, `flow.To("$1", "$2")`},
	{`self\.next\(self\.(\w+)\)`, `flow.To("$1")`},
	{`self\.next`, `flow.To`},
	{`Add condition='name' with the attribute`, `Name the field`},
	{`@(retry|catch|timeout|resources|environment|exec)\b`, `flow.$1`},
	{`@in_process`, `flow.InProcess`},
	{`Give seconds, minutes or hours`, `Give a duration above 0`},
	{`times=(\d)`, `flow.Retry($1)`},
}

// say puts a message into the words of the flow's language.
func (c *compiler) say(message string) string {
	if c.flow.Language != "go" {
		return message
	}
	for _, w := range goWords {
		message = regexp.MustCompile(w[0]).ReplaceAllString(message, w[1])
	}
	for _, name := range []string{"retry", "catch", "timeout", "resources", "environment", "exec"} {
		message = strings.ReplaceAll(message, "flow."+name, "flow."+strings.ToUpper(name[:1])+name[1:])
	}
	return message
}
