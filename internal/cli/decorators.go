package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
)

// stepDecorators are the names that --with takes, with the attributes of those that are acted on.
var stepDecorators = map[string][]string{
	"retry":            {"times", "minutes_between_retries"},
	"catch":            {"var", "print_exception"},
	"timeout":          {"seconds", "minutes", "hours"},
	"resources":        {"cpu", "gpu", "disk", "memory", "shared_memory"},
	"environment":      {"vars"},
	"batch":            nil,
	"card":             nil,
	"conda":            nil,
	"kubernetes":       nil,
	"parallel":         nil,
	"pypi":             nil,
	"pytorch_parallel": nil,
	"secrets":          nil,
}

// withoutEffect are decorators of later versions, without which a step still does its work, and what happens instead.
var withoutEffect = []struct{ name, instead string }{
	{"kubernetes", "the step runs on this machine"},
	{"batch", "the step runs on this machine"},
	{"card", "no card is made"},
	{"exit_hook", "its functions are not called"},
}

// checkWith makes sure that --with names decorators that there are.
func (s *session) checkWith() error {
	specs := append(slices.Clone(s.global.with), strings.Fields(s.env.variable("METAFLOW_DEFAULT_DECOSPECS"))...)
	for _, spec := range specs {
		d, err := graph.ParseDecorator(spec)
		if err != nil {
			return err
		}
		attributes, known := stepDecorators[d.Name]
		if !known {
			return &failure{headline: "Unknown step decorator", kind: fault.Usage, text: fmt.Sprintf(
				"--with %s: there is no step decorator %s. There are: %s.", spec, d.Name, strings.Join(sortedKeys(stepDecorators), ", "))}
		}
		for _, name := range sortedKeys(d.Attributes) {
			if attributes != nil && !slices.Contains(attributes, name) {
				return &failure{headline: "Unknown decorator attribute", kind: fault.Usage, text: fmt.Sprintf(
					"--with %s: @%s has no attribute %s. It has: %s.", spec, d.Name, name, strings.Join(attributes, ", "))}
			}
		}
	}
	return nil
}

// checkDecorators refuses what would run wrong without a decorator that this version lacks, and tells
// of those that have no effect yet.
func (s *session) checkDecorators() error {
	def := s.flow.Definition()
	where := map[string][]string{}
	for _, d := range def.Decorators {
		where[d.Name] = nil
	}
	for _, step := range def.Steps {
		for _, d := range step.Decorators {
			where[d.Name] = append(where[d.Name], step.Name)
		}
	}
	if steps, ok := where["secrets"]; ok {
		return &failure{headline: "Not available", kind: fault.Unavailable, text: fmt.Sprintf(
			"@secrets (step %s) is not there yet in this version of Levada, and the step would run without its secrets.\n"+
				"Put them into the environment that the run is started in, and remove the decorator.", strings.Join(steps, ", "))}
	}
	if s.global.environment == "local" {
		for _, name := range []string{"conda", "conda_base", "pypi", "pypi_base"} {
			if _, ok := where[name]; ok {
				s.inform("    @%s has no effect with --environment local: the packages are those of this Python.", name)
			}
		}
	}
	for _, d := range withoutEffect {
		steps, ok := where[d.name]
		if !ok {
			continue
		}
		of := ""
		if len(steps) > 0 {
			of = " (step " + strings.Join(steps, ", ") + ")"
		}
		s.inform("    @%s%s has no effect in this version of Levada: %s.", d.name, of, d.instead)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
