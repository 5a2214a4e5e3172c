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
	"card":             {"type", "id", "options", "timeout", "scope", "rank", "save_errors", "customize", "refresh_interval"},
	"conda":            nil,
	"kubernetes":       nil,
	"parallel":         nil,
	"pypi":             nil,
	"pytorch_parallel": nil,
	"secrets":          {"sources", "role", "allow_override"},
}

// withoutEffect are decorators of later versions, without which a step still does its work, and what happens instead.
var withoutEffect = []struct{ name, instead string }{
	{"kubernetes", "the step runs on this machine"},
	{"batch", "the step runs on this machine"},
}

// goDecorators are those of them that a flow in Go takes. The others are made by the SDK for
// Python; what has no effect is told elsewhere.
var goDecorators = map[string][]string{
	"retry": stepDecorators["retry"], "catch": {}, "timeout": stepDecorators["timeout"], "resources": stepDecorators["resources"],
	"environment": stepDecorators["environment"], "batch": nil, "kubernetes": nil,
}

// checkWith makes sure that --with names decorators that there are, and gives them attributes that they have.
func (s *session) checkWith() error {
	byDefault := s.defaultDecorators()
	goFlow := s.flow.Definition().Language == "go"
	all := stepDecorators
	if goFlow {
		all = goDecorators
	}
	for i, spec := range s.global.decorators(byDefault) {
		d, err := graph.ParseDecorator(spec)
		if err != nil {
			return err
		}
		attributes, known := all[d.Name]
		if !known && goFlow {
			_, python := stepDecorators[d.Name]
			text := fmt.Sprintf("There is no step decorator '%s'", d.Name)
			own := len(s.global.runWith)
			switch byDefault := i >= own && i < own+len(byDefault); {
			case byDefault && python: // it is meant for other flows
				s.inform("    @%s, which METAFLOW_DEFAULT_DECOSPECS names, has no effect on flows in Go.", d.Name)
				continue
			case byDefault:
				text += ", which METAFLOW_DEFAULT_DECOSPECS names"
			case python:
				text += " for flows in Go, only for those in Python"
			}
			return &failure{headline: "Unknown step decorator", kind: fault.UserCode, text: text + ". Known: " + strings.Join(sortedKeys(all), ", ") + "."}
		}
		if !known {
			continue // a decorator of the user's, which the flow's own process has looked for
		}
		if goFlow && d.Name == "catch" && len(d.Attributes) > 0 {
			return &failure{headline: "Unknown decorator attribute", kind: fault.Usage, text: fmt.Sprintf(
				"--with %s: for flows in Go, catch has no attributes here. Give the step flow.Catch(\"Field\"), whose field gets the failure, or write --with catch.", spec)}
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

// namesUserDecorators reports whether a spec of --with names a decorator that is none of Levada's.
func namesUserDecorators(specs []string) bool {
	return slices.ContainsFunc(specs, func(spec string) bool {
		d, err := graph.ParseDecorator(spec)
		_, known := stepDecorators[d.Name]
		return err == nil && !known
	})
}

// checkDecorators tells of decorators that have no effect yet.
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
