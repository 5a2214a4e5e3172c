package graph

import (
	"slices"
	"strings"
)

// reservedParameters are the options of run that a parameter would hide.
var reservedParameters = []string{
	"params", "with", "tag", "namespace", "obj", "tags", "decospecs", "run-id-file", "max-num-splits",
	"max-workers", "max-log-size", "user-namespace", "run-id", "task-id", "runner-attribute-file",
}

// checkParameters checks the names of the flow's parameters.
func (c *compiler) checkParameters() {
	seen := make(map[string]string)
	for _, p := range c.flow.Parameters {
		folded := strings.ToLower(p.Name)
		switch first, twice := seen[folded]; {
		case p.Name == "":
			c.flowProblem(checkParameter, p.Line, "Parameter %s has no name. Give it one: Parameter('name', ...).", p.Attribute)
		case slices.Contains(reservedParameters, strings.ReplaceAll(p.Name, "_", "-")):
			c.flowProblem(checkParameter, p.Line,
				"A parameter cannot be called %s, because that is an option of levada itself. Rename the parameter.", p.Name)
		case strings.HasPrefix(p.Name, "-") || strings.ContainsAny(p.Name, "= \t\r\n\x00"):
			c.flowProblem(checkParameter, p.Line,
				"Parameter name %q cannot be typed as an option. Use letters, digits, - and _, and begin with a letter.", p.Name)
		case twice:
			c.flowProblem(checkParameter, p.Line,
				"Parameter %s is specified twice (as %s before); upper and lower case make no difference. Rename one of them.", p.Name, first)
		}
		if p.Separator != "" && p.Type != "str" && p.Type != "" {
			c.flowProblem(checkParameter, p.Line,
				"Parameter %s has a separator, but its type is %s. Only text can be split: remove separator, or let the type be str.", p.Name, p.Type)
		}
		if _, twice := seen[folded]; !twice {
			seen[folded] = p.Name
		}
	}
}
