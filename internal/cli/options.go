package cli

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
)

// Bindings: what an option does with its value.

func text(to *string) func([]string) error {
	return func(v []string) error { *to = v[0]; return nil }
}

func texts(to *[]string) func([]string) error {
	return func(v []string) error { *to = append(*to, v[0]); return nil }
}

// commas splits a value at its commas; a later use replaces an earlier one.
func commas(to *[]string) func([]string) error {
	return func(v []string) error {
		*to = nil
		for part := range strings.SplitSeq(v[0], ",") {
			if part = strings.TrimSpace(part); part != "" {
				*to = append(*to, part)
			}
		}
		return nil
	}
}

func flag(to *bool) func([]string) error {
	return func(v []string) error {
		switch strings.ToLower(v[0]) {
		case "true", "t", "1", "yes", "y", "on":
			*to = true
		case "false", "f", "0", "no", "n", "off":
			*to = false
		default:
			return badValue(v[0] + " is not a valid boolean")
		}
		return nil
	}
}

// number binds an integer of at least least.
func number[T int | int64](to *T, least T) func([]string) error {
	return func(v []string) error {
		n, err := strconv.ParseInt(strings.TrimSpace(v[0]), 10, 64)
		if err != nil {
			return badValue(v[0] + " is not a valid integer")
		}
		if T(n) < least {
			return badValue(v[0] + " is smaller than the least value " + strconv.FormatInt(int64(least), 10))
		}
		*to = T(n)
		return nil
	}
}

func choice(to *string, choices ...string) func([]string) error {
	return func(v []string) error {
		if !slices.Contains(choices, v[0]) {
			return badValue("invalid choice: " + v[0] + ". (choose from " + strings.Join(choices, ", ") + ")")
		}
		*to = v[0]
		return nil
	}
}

// local binds an option of Metaflow's of which only one value works so far.
func local(name, only, later string, choices ...string) func([]string) error {
	var value string
	known := choice(&value, append([]string{only}, choices...)...)
	return func(v []string) error {
		if err := known(v); err != nil {
			return err
		}
		if value == only {
			return nil
		}
		return fault.New(fault.Unavailable, "--%s %s is not in this version of Levada: %s.", name, value, later).
			Do("Leave the option out, or use --%s %s.", name, only)
	}
}

// notYet binds an option whose feature is not there yet.
func notYet(name, what string) func([]string) error {
	return func([]string) error {
		return fault.New(fault.Unavailable, "--%s is not in this version of Levada: %s.", name, what)
	}
}

func ignore([]string) error { return nil }

// globalOptions are the options before the command. Levada's own among them
// are shown in the help of the commands that they matter to.
type globalOptions struct {
	help        bool
	quiet       bool
	verbose     bool
	json        bool
	with        []string // before the command
	runWith     []string // of the command itself
	root        string
	server      string
	serverGiven bool // on the command line, not by the environment; survey alone tells
	suffixes    []string
	python      string
	isolation   string
	branch      string
	production  bool
	triggers    []string
	configs     configOptions
	environment string
	rebuild     bool // environments
}

// opening is what says how the store and the flow are opened, to be compared.
func (g *globalOptions) opening() any {
	return []any{g.python, g.isolation, g.root, g.server, g.suffixes, g.configs, g.environment, g.rebuild}
}

// options returns Metaflow's top-level options and Levada's. Some exist only for flows that have what they are about,
// such as @project; without a flow, nil, they are all there.
func (g *globalOptions) options(flow *graph.Flow) table {
	t := table{
		{name: "quiet", off: "not-quiet", dest: "QUIET", set: flag(&g.quiet),
			help: "Print no informational messages on stderr. What tasks print still appears."},
		{name: "verbose", own: true, dest: "VERBOSE", set: flag(&g.verbose),
			help: "Print every line of a long foreach instead of live progress, every cloned task of a resume."},
		{name: "json", own: true, dest: "JSON", set: flag(&g.json),
			help: "Print JSON for programs on stdout: one object per line."},
		{name: "with", metavar: "TEXT", many: true, dest: "DECOSPECS", set: texts(&g.with),
			help: "Add a decorator to all steps: --with retry, --with resources:cpu=2. Repeatable."},
		{name: "python", metavar: "PATH", own: true, dest: "PYTHON", set: text(&g.python),
			help: "The Python interpreter to run the flow with. Default: python3 on PATH."},
		{name: "isolation", metavar: "[fork|spawn]", own: true, dest: "ISOLATION", set: choice(&g.isolation, "fork", "spawn"),
			help: "fork starts tasks from one loaded interpreter, spawn starts an interpreter for each task. Default: fork where that is safe."},
		{name: "datastore-root", metavar: "PATH", dest: "DATASTORE_ROOT", set: text(&g.root), fallback: []string{"LEVADA_HOME"},
			help: "The folder of the store. Default: LEVADA_HOME, or .levada in the current folder or the nearest one above that has it."},
		{name: "server", metavar: "URL", own: true, dest: "SERVER", set: text(&g.server),
			help: "Use the store of the server at this address instead of one in a folder: http://127.0.0.1:8265."},
		{name: "package-suffixes", metavar: "TEXT", dest: "PACKAGE_SUFFIXES", set: commas(&g.suffixes), fallback: []string{"METAFLOW_DEFAULT_PACKAGE_SUFFIXES"},
			help: "Suffixes of the files that are kept with a run as its code, separated by commas."},
		{name: "metadata", metavar: "[local|service|spin]", dest: "METADATA", set: local("metadata", "local", "a run records on a server with --server or LEVADA_SERVER", "service", "spin"),
			// METAFLOW_DEFAULT_METADATA is for Metaflow: it may record in this very store.
			help: "Where records are kept. Only local so far."},
		{name: "datastore", metavar: "[local|s3|azure|gs|spin]", dest: "DATASTORE", set: local("datastore", "local", "stores in the cloud come later", "s3", "azure", "gs", "spin"),
			fallback: []string{"METAFLOW_DEFAULT_DATASTORE"}, help: "Where artifacts are kept. Only local so far."},
		{name: "environment", metavar: "[local|conda|pypi|uv]", dest: "ENVIRONMENT", set: choice(&g.environment, "local", "conda", "pypi", "uv"),
			fallback: []string{"METAFLOW_DEFAULT_ENVIRONMENT"}, help: "How packages are provided. Default, and pypi and conda: as @pypi and @conda say. uv: by the uv project of the current folder. local: by the interpreter alone."},
		{name: "event-logger", metavar: "TEXT", dest: "EVENT_LOGGER", set: ignore, help: "Accepted for compatibility with Metaflow; it has no effect."},
		{name: "monitor", metavar: "TEXT", dest: "MONITOR", set: ignore, help: "Accepted for compatibility with Metaflow; it has no effect."},
		{name: "pylint", off: "no-pylint", dest: "PYLINT", set: ignore, help: "Accepted for compatibility with Metaflow; it has no effect."},
		// What was spun is in the same store.
		{name: "mode", metavar: "[spin]", hidden: true, before: true, set: choice(new(string), "spin")},
		{name: "force-rebuild-environments", off: "no-force-rebuild-environments", hidden: true, set: flag(&g.rebuild)},
		{name: "local-config-file", metavar: "PATH", hidden: true, set: ignore},
		{name: "help", short: "h", set: flag(&g.help), help: "Show this message and exit."},
	}
	has := func(decorator string) bool {
		return flow == nil || slices.ContainsFunc(flow.Decorators, func(d graph.Decorator) bool { return d.Name == decorator })
	}
	if has("project") {
		t = append(t, g.projectOptions()...)
	}
	if has("trigger_on_finish") {
		t = append(t, option{name: "trigger", metavar: "TEXT", many: true, dest: "FLOW_TRIGGER", set: texts(&g.triggers),
			help: "Run as if the run FLOW/RUN had triggered it, for flows with @trigger_on_finish. Repeatable."})
	}
	if flow == nil || len(flow.Configs) > 0 {
		t = append(t, g.configs.options()...)
	}
	return t
}

// decorators returns what is to be added to all steps; of a name the first counts. Those that
// METAFLOW_DEFAULT_DECOSPECS names come before the top-level ones, as in Metaflow.
func (g *globalOptions) decorators(byDefault []string) []string {
	return slices.Concat(g.runWith, byDefault, g.with)
}

// projectOptions are the options that @project adds.
func (g *globalOptions) projectOptions() table {
	return table{
		{name: "branch", metavar: "TEXT", dest: "FLOW_BRANCH", fallback: []string{"METAFLOW_BRANCH"}, set: text(&g.branch),
			help: "The branch of the project to run in, for flows with @project."},
		{name: "production", dest: "FLOW_PRODUCTION", fallback: []string{"METAFLOW_PRODUCTION"}, set: flag(&g.production),
			help: "Run in the production branch of the project, for flows with @project."},
	}
}

// only returns the named options of a table, in the order of the names.
func (t table) only(names ...string) table {
	var some table
	for _, name := range names {
		if o, _ := t.find(name); o != nil {
			some = append(some, *o)
		}
	}
	return some
}

// parameterOptions returns one option for each parameter of a flow, in the order of
// their attributes. Values are kept as text: their types are Python's business.
func parameterOptions(params []graph.Parameter, values map[string][]string, defaults map[string]string) table {
	sorted := slices.Clone(params)
	slices.SortStableFunc(sorted, func(a, b graph.Parameter) int { return strings.Compare(a.Attribute, b.Attribute) })
	t := make(table, 0, len(sorted))
	for _, p := range sorted {
		o := option{
			name: p.Name, metavar: metavarOf(p), help: p.Help, parameter: true,
			arity: p.Arity, many: p.Many, hidden: p.Hidden, first: p.Variables, stands: p.Flag,
			dest: strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_")),
			// A default makes a parameter optional, whatever it says.
			require: p.Required && p.Default == nil && !p.Computed,
			set: func(v []string) error {
				for _, text := range v {
					if !utf8.ValidString(text) { // it would come to the flow as something else
						return badValue(fmt.Sprintf("%q is not text in UTF-8. Parameters are text; for bytes use an IncludeFile with is_text=False.", text))
					}
				}
				values[p.Name] = append(values[p.Name], v...)
				return nil
			},
		}
		if !p.HideDefault {
			o.def = defaultText(p, defaults)
		}
		t = append(t, o)
	}
	return t
}

// metavarOf is what help shows for the value of a parameter; "" if it is a flag.
func metavarOf(p graph.Parameter) string {
	switch {
	case p.Flag != "":
		return ""
	case p.Metavar != "":
		return p.Metavar
	case p.Arity > 1:
		return typeName(p.Type) + "..."
	}
	return typeName(p.Type)
}

// typeName is the type of a parameter as help shows it.
func typeName(kind string) string {
	switch kind {
	case "int":
		return "INTEGER"
	case "float":
		return "FLOAT"
	case "bool":
		return "BOOLEAN"
	case "json":
		return "JSON"
	case "file":
		return "PATH"
	}
	return "TEXT"
}

// defaultText is the default of a parameter as help shows it, "" for none.
func defaultText(p graph.Parameter, evaluated map[string]string) string {
	if text, ok := evaluated[p.Name]; ok {
		return text
	}
	if p.Computed {
		return "computed"
	}
	raw := string(p.Default)
	if raw == "" || raw == "null" {
		return ""
	}
	var text string
	if json.Unmarshal(p.Default, &text) == nil {
		return text
	}
	var values []json.RawMessage
	if (p.Many || p.Arity > 1) && json.Unmarshal(p.Default, &values) == nil {
		texts := make([]string, len(values))
		for i, value := range values {
			if json.Unmarshal(value, &texts[i]) != nil {
				texts[i] = readable(string(value))
			}
		}
		return strings.Join(texts, ", ")
	}
	return readable(raw)
}

var escapes = regexp.MustCompile(`(?:\\u[0-9a-fA-F]{4})+|\\.`)

// readable is JSON with its letters as they are, which Python writes as escapes such as \u00fc.
func readable(raw string) string {
	return escapes.ReplaceAllStringFunc(raw, func(escape string) string {
		var letters string
		if json.Unmarshal([]byte(`"`+escape+`"`), &letters) != nil || strings.ContainsFunc(letters, needsEscape) {
			return escape
		}
		return letters
	})
}

func needsEscape(r rune) bool {
	return r < utf8.RuneSelf || r == utf8.RuneError || !unicode.IsPrint(r)
}
