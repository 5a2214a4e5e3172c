package pyenv

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
)

// Request is what steps ask for.
type Request struct {
	Steps  []string          // that ask for it, for messages
	Folder string            // of the flow: paths of packages are relative to it
	Pypi   map[string]string // package → what version: "", "1.2", ">=1,<2", "@ URL or path"
	Conda  map[string]string // package → what version
	// Managed says that the interpreter is conda's too.
	Managed bool
	Python  string // version asked for; empty: the flow's
}

// Of returns what a step asks for. ok is false for a step that asks for nothing and runs in the flow's own interpreter.
func Of(f *graph.Flow, s *graph.Step) (r Request, ok bool, err error) {
	r = Request{Steps: []string{s.Name}, Folder: filepath.Dir(f.File)}
	pypi, hasPypi, err := merged(f, s, "pypi")
	if err != nil {
		return Request{}, false, err
	}
	conda, hasConda, err := merged(f, s, "conda")
	if err != nil {
		return Request{}, false, err
	}
	if !hasPypi && !hasConda {
		return Request{}, false, nil
	}
	r.Pypi, r.Conda, r.Managed = pypi.packages, conda.packages, hasConda
	r.Python = pypi.python
	if r.Python == "" {
		r.Python = conda.python
	}
	return r, true, nil
}

// asked is what one kind of decorator asks for.
type asked struct {
	packages map[string]string
	python   string
	disabled bool
}

// merged merges the decorator of a step with that of the flow: the step's words are stronger, package by package.
func merged(f *graph.Flow, s *graph.Step, name string) (asked, bool, error) {
	var a asked
	found := false
	for _, level := range []struct {
		decorators []graph.Decorator
		name       string
	}{{f.Decorators, name + "_base"}, {s.Decorators, name}} {
		for _, d := range level.decorators {
			if d.Name != level.name {
				continue
			}
			found = true
			if err := a.add(d); err != nil {
				return asked{}, false, fault.New(fault.Invalid, "Step %s, @%s: %v", s.Name, d.Name, err).On(f.File)
			}
		}
	}
	return a, found && !a.disabled, nil
}

func (a *asked) add(d graph.Decorator) error {
	if a.packages == nil {
		a.packages = map[string]string{}
	}
	for _, attribute := range []string{"libraries", "packages"} {
		raw := d.Attributes[attribute]
		if len(raw) == 0 || string(raw) == "null" {
			continue
		}
		var packages map[string]json.RawMessage
		if json.Unmarshal(raw, &packages) != nil {
			return fault.New(fault.Invalid, "%s is %s, but it must be a mapping of names to versions, such as {'pandas': '2.2.0'}", attribute, raw)
		}
		for name, version := range packages {
			a.packages[name] = strings.TrimSpace(plain(version))
		}
	}
	if v := plain(d.Attributes["python"]); v != "" {
		a.python = v
	}
	if v := plain(d.Attributes["disabled"]); v != "" {
		a.disabled = strings.EqualFold(v, "true") || v == "1"
	}
	return nil
}

// plain is a JSON value as text; empty for null.
func plain(raw json.RawMessage) string {
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return ""
	case json.Unmarshal(raw, &s) == nil:
		return s
	}
	return string(raw)
}

// wants is what of a request decides about the environment.
func (r Request) wants() any {
	return []any{r.Pypi, r.Conda, r.Managed, r.Python}
}

// Same reports whether two requests want the same.
func (r Request) Same(o Request) bool {
	return maps.Equal(r.Pypi, o.Pypi) && maps.Equal(r.Conda, o.Conda) && r.Managed == o.Managed && r.Python == o.Python
}

// who names the steps of a request: "step train", "steps train, score".
func (r Request) who() string {
	if len(r.Steps) == 1 {
		return "step " + r.Steps[0]
	}
	return "steps " + strings.Join(r.Steps, ", ")
}

// does says who does what verb says: "step s asks", "steps a, b ask".
func (r Request) does(verb string) string {
	if len(r.Steps) == 1 {
		verb += "s"
	}
	return r.who() + " " + verb
}

// text is the request for people.
func (r Request) text() string {
	var parts []string
	if r.Python != "" {
		parts = append(parts, "python "+r.Python)
	}
	for _, packages := range []map[string]string{r.Conda, r.Pypi} {
		for _, name := range sortedNames(packages) {
			parts = append(parts, strings.TrimSpace(name+" "+packages[name]))
		}
	}
	if len(parts) == 0 {
		return "no packages"
	}
	return strings.Join(parts, ", ")
}

// bareVersion is a version without an operator, perhaps with a star at its end.
var bareVersion = regexp.MustCompile(`^[0-9A-Za-z]`)

// requirement is a package as pip and uv take it.
func requirement(name, version, folder string) string {
	switch {
	case version == "" || version == "*":
		return name
	case strings.HasPrefix(version, "@"):
		if path := localPath(version, folder); path != "" {
			return name + " @ file://" + path
		}
		return name + " @ " + strings.TrimSpace(version[1:])
	case bareVersion.MatchString(version):
		return name + "==" + version
	}
	return name + version
}

// localPath is the path that a version of the form "@ path" names, absolute; empty if it names none.
func localPath(version, folder string) string {
	at, ok := strings.CutPrefix(version, "@")
	if !ok {
		return ""
	}
	path := strings.TrimSpace(at)
	if p, ok := strings.CutPrefix(path, "file://"); ok {
		path = p
	} else if strings.Contains(path, "://") {
		return ""
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	return path
}

// requirements are the lines that pip and uv take.
func (r Request) requirements() []string {
	var lines []string
	for _, name := range sortedNames(r.Pypi) {
		lines = append(lines, requirement(name, r.Pypi[name], r.Folder))
	}
	return lines
}

// specs are the packages as conda takes them.
func (r Request) specs() []string {
	var specs []string
	for _, name := range sortedNames(r.Conda) {
		version := r.Conda[name]
		switch {
		case version == "" || version == "*":
			specs = append(specs, name)
		case bareVersion.MatchString(version):
			specs = append(specs, name+"="+strings.TrimPrefix(version, "="))
		default:
			specs = append(specs, name+version)
		}
	}
	return specs
}

func sortedNames(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
