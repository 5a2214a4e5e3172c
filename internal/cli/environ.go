package cli

import "strings"

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
		uses := []string{value}
		if o.many && !o.parameter {
			uses = strings.Fields(value)
		}
		for _, use := range uses {
			if err := o.accept([]string{use}, name); err != nil {
				return err
			}
		}
		given[o.name] = true
	}
	return nil
}

// lookup finds the environment variable that gives an option its value. An empty one is a value only for a parameter.
func (e *Env) lookup(o *option, scope string) (name, value string, ok bool) {
	var names []string
	if o.dest != "" {
		for _, prefix := range environPrefixes {
			if o.own && prefix != "LEVADA_" {
				continue
			}
			names = append(names, prefix+scope+o.dest)
		}
	}
	for _, name := range append(names, o.fallback...) {
		if value, ok := e.getenv(name); ok && (value != "" || o.parameter) {
			return name, value, true
		}
	}
	return "", "", false
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
