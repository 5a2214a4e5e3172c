package cli

import (
	"slices"
	"strings"
)

// environPrefixes are the beginnings of an option's environment forms, strongest first.
var environPrefixes = [...]string{"LEVADA_", "METAFLOW_"}

// environ gives the options that the command line did not set their values from
// the environment: METAFLOW_<scope><DEST>, or LEVADA_<scope><DEST>, which is
// stronger. scope is "" for top-level options and "RUN_" for those of run.
func (e *Env) environ(options table, scope string, given map[string]bool) error {
	for i := range options {
		o := &options[i]
		if given[o.name] {
			continue
		}
		name, value, ok := e.lookup(o, scope)
		if !ok {
			continue
		}
		uses, err := o.uses(name, value)
		if err != nil {
			return err
		}
		for _, use := range uses {
			if err := o.accept(use, name); err != nil {
				return err
			}
		}
		given[o.name] = true
	}
	return nil
}

// uses are the values that the text of an environment variable gives an option, use by use. What
// takes several has them apart by white space.
func (o *option) uses(name, text string) ([][]string, error) {
	several := o.parameter && o.arity > 1 // the configs' options take all of theirs as JSON
	if !o.many && !several {
		return [][]string{{text}}, nil
	}
	values := strings.Fields(text)
	if n := o.values(); several && (len(values)%n != 0 || !o.many && len(values) > n) {
		return nil, usagef("Invalid value for '%s': %d values are expected, separated by white space, not %q", name, n, text)
	}
	return slices.Collect(slices.Chunk(values, max(1, o.values()))), nil
}

// lookup finds the environment variable that gives an option its value. An empty one is a value only for a parameter.
func (e *Env) lookup(o *option, scope string) (name, value string, ok bool) {
	for _, name := range o.forms(scope) {
		if value, ok := e.getenv(name); ok && (value != "" || o.parameter) {
			return name, value, true
		}
	}
	return "", "", false
}

// forms are the environment variables that give an option its value, strongest first.
func (o *option) forms(scope string) []string {
	names := slices.Clone(o.first)
	if o.dest != "" {
		for _, prefix := range environPrefixes {
			if o.own && prefix != "LEVADA_" {
				continue
			}
			names = append(names, prefix+scope+o.dest)
		}
	}
	return append(names, o.fallback...)
}

// user returns who runs flows: the first of METAFLOW_USER, SUDO_USER, USERNAME and
// USER that is neither empty nor root, else the operating system's user, even if that is root.
func (e *Env) user() string {
	for _, name := range []string{"LEVADA_USER", "METAFLOW_USER", "SUDO_USER", "USERNAME", "USER"} {
		if user := e.variable(name); user != "" && user != "root" {
			return user
		}
	}
	if e.User != "" {
		return e.User
	}
	return "root"
}

// namespace returns the namespace of a user: "user:<name>", or the production token's.
func (e *Env) namespace(user string) string {
	if token := e.variable("METAFLOW_PRODUCTION_TOKEN"); token != "" {
		return "production:" + token
	}
	return "user:" + user
}
