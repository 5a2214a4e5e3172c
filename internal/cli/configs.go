package cli

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/levadahq/levada/internal/graph"
)

// configOptions are what the user gives for the configs of a flow: by name a path, and a text or a JSON object.
type configOptions struct {
	files  map[string]string
	values map[string]any
}

func (c *configOptions) given() bool { return len(c.files) > 0 || len(c.values) > 0 }

// options are the options that flows with a Config have.
func (c *configOptions) options() table {
	return table{
		{name: "config", metavar: "NAME PATH", arity: 2, dest: "FLOW_CONFIG",
			help: "Read the config NAME of the flow from the file PATH. Repeatable.",
			set: func(v []string) error {
				if len(v) == 2 {
					put(&c.files, v[0], v[1])
					return nil
				}
				// The environment has all of them in one JSON object.
				if err := json.Unmarshal([]byte(v[0]), &c.files); err != nil {
					return badValue("this is not a JSON object of config names and paths: " + v[0])
				}
				return nil
			}},
		{name: "config-value", metavar: "NAME VALUE", arity: 2, dest: "FLOW_CONFIG_VALUE",
			help: "Give the config NAME of the flow the value VALUE, such as '{\"size\": 3}'. Repeatable.",
			set: func(v []string) error {
				if value := v[len(v)-1]; !utf8.ValidString(value) { // it would come to the flow as something else
					return badValue(fmt.Sprintf("%q is not text in UTF-8", value))
				}
				if len(v) == 2 {
					put[any](&c.values, v[0], v[1])
					return nil
				}
				if err := json.Unmarshal([]byte(v[0]), &c.values); err != nil {
					return badValue("this is not a JSON object of config names and values: " + v[0])
				}
				return nil
			}},
	}
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// configRows are the configs of a flow for its help.
func configRows(configs []graph.Config) table {
	var t table
	for _, c := range configs {
		t = append(t, option{name: "config " + c.Name, metavar: "PATH", help: c.Help, def: c.Default, require: c.Required && c.Default == ""})
	}
	return t
}
