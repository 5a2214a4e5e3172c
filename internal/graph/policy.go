package graph

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxRetries is the largest times of @retry. With the first attempt and the
// fallback of @catch it keeps a task within six attempts.
const MaxRetries = 4

// defaultRetries is what @retry without times gives.
const defaultRetries = 3

// The decorators that the engine acts on.
const (
	decoRetry       = "retry"
	decoCatch       = "catch"
	decoTimeout     = "timeout"
	decoResources   = "resources"
	decoEnvironment = "environment"
	decoParallel    = "parallel"
	decoExec        = "exec"
	decoInProcess   = "in_process"
)

// The decorators of which the SDK makes use, and whose attributes are looked at here.
const (
	decoCard    = "card"
	decoSecrets = "secrets"
)

// decoratedParallel reports whether a step carries @parallel or one of its
// family: @pytorch_parallel, @torchrun_parallel and their like, @metaflow_ray.
func decoratedParallel(s *Step) bool {
	return slices.ContainsFunc(s.Decorators, func(d Decorator) bool {
		return d.Name == decoParallel || d.Name == "metaflow_ray" || strings.HasSuffix(d.Name, "_parallel")
	})
}

// checkPolicies decodes the decorators of every step.
func (c *compiler) checkPolicies() {
	for _, v := range c.steps {
		v.policies.Parallel = decoratedParallel(v.Step)
		seen := make(map[string]bool)
		for i := range v.Decorators {
			d := decorator{c: c, v: v, d: &v.Decorators[i]}
			switch d.d.Name {
			case decoCard:
				d.checkText("type", "default")
			case decoSecrets:
				d.checkList("sources")
			case decoRetry, decoCatch, decoTimeout, decoResources, decoEnvironment, decoParallel, decoExec, decoInProcess:
				if seen[d.d.Name] {
					d.problem("it is given twice. Keep one of them")
					continue
				}
				seen[d.d.Name] = true
				d.decode(&v.policies)
			}
		}
		if v.policies.InProcess && v.policies.Environment != nil {
			c.problem(checkDecorator, v, v.Line, "Step %s runs in a process that other tasks share, so it cannot have environment variables of its own. "+
				"Remove @in_process or @environment.", v.Name)
		}
	}
}

// decorator is one decorator of a step while it is decoded.
type decorator struct {
	c *compiler
	v *vertex
	d *Decorator
}

// problem reports what is wrong with the decorator: the rest of a sentence that
// begins with the step and the decorator, and how to mend it.
func (d *decorator) problem(format string, args ...any) {
	line := d.d.Line
	if line == 0 {
		line = d.v.Line
	}
	from := ""
	if d.d.Added != "" {
		from = " (added by " + d.d.Added + ")"
	}
	args = append([]any{d.v.Name, d.d.Name, from}, args...)
	d.c.problem(checkDecorator, d.v, line, "Step %s, @%s%s: "+format+".", args...)
}

func (d *decorator) decode(p *Policies) {
	switch d.d.Name {
	case decoRetry:
		times, ok := d.number("times", defaultRetries)
		switch {
		case !ok:
		case times > MaxRetries:
			d.problem("times is %v, but a task can be retried at most %d times. Write times=%d or less", times, MaxRetries, MaxRetries)
		case times < 0 || times != math.Trunc(times):
			d.problem("times is %v, but it counts retries. Write a whole number from 0 to %d", times, MaxRetries)
		default:
			p.Retries = int(times)
		}
		d.number("minutes_between_retries", 0)
	case decoCatch:
		p.Catch, p.CatchVar = true, d.variable()
		if n := d.v.Next; n != nil {
			switch n.Kind {
			case NextForeach, NextParallel:
				d.problem("a step that opens a foreach or a gang cannot be caught, because the number of branches to go on with is unknown when it fails. " +
					"Remove @catch, or move the work that may fail into a step of its own")
			case NextSwitch:
				d.problem("a step that chooses with condition=... cannot be caught, because the case to go on with is unknown when it fails. " +
					"Remove @catch, or move the work that may fail into a step of its own")
			}
		}
	case decoTimeout:
		p.Timeout = d.timeout()
	case decoResources:
		cpu, _ := d.request("cpu")
		gpu, _ := d.request("gpu")
		memory, _ := d.request("memory")
		if cpu < 0 || gpu < 0 || memory < 0 {
			d.problem("a request cannot be negative. Write 0 or more")
			return
		}
		p.Resources = Resources{CPU: cpu, GPU: gpu, Memory: int64(min(math.Ceil(memory), 1<<50))}
	case decoEnvironment:
		p.Environment = d.environment()
	case decoExec:
		p.Exec = d.exec()
	case decoInProcess:
		p.InProcess = true
		if decoratedParallel(d.v.Step) {
			d.problem("the nodes of a gang have processes of their own. Remove one of the two")
		}
	}
}

// timeout sums the three attributes of @timeout.
func (d *decorator) timeout() time.Duration {
	seconds, ok1 := d.number("seconds", 0)
	minutes, ok2 := d.number("minutes", 0)
	hours, ok3 := d.number("hours", 0)
	if !ok1 || !ok2 || !ok3 {
		return 0
	}
	total := seconds + 60*minutes + 3600*hours
	if total <= 0 {
		d.problem("the limit is %v seconds in all, so the step could never run. Give seconds, minutes or hours", total)
		return 0
	}
	const longest = 100 * 365 * 24 * time.Hour
	if total >= longest.Seconds() {
		return longest
	}
	return time.Duration(total * float64(time.Second))
}

// number reads an attribute that is a number or text of one. An attribute that
// is absent or null has the default.
func (d *decorator) number(name string, absent float64) (value float64, ok bool) {
	raw := bytes.TrimSpace(d.d.Attributes[name])
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return absent, true
	}
	text := string(raw)
	if raw[0] == '"' {
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		unit, example := "", "1"
		if name == "memory" {
			unit, example = ", in megabytes", "4096"
		}
		d.problem("%s is %s, which is not a number. Write one%s, such as %s=%s", name, raw, unit, name, example)
		return 0, false
	}
	return value, true
}

// checkText reports an attribute that is not text; example is one that would do.
func (d *decorator) checkText(name, example string) bool {
	raw := bytes.TrimSpace(d.d.Attributes[name])
	if len(raw) == 0 || raw[0] == '"' || bytes.Equal(raw, []byte("null")) {
		return true
	}
	d.problem("%s is %s, which is not text. Write it in quotes, such as %s=%q", name, raw, name, example)
	return false
}

// checkList reports an attribute that is not a list.
func (d *decorator) checkList(name string) {
	raw := bytes.TrimSpace(d.d.Attributes[name])
	if len(raw) > 0 && raw[0] != '[' && !bytes.Equal(raw, []byte("null")) {
		d.problem("%s is %s, which is not a list. Write one, such as %s=['name']", name, raw, name)
	}
}

// ofFlows are attributes that every flow in Python has of itself, so that artifacts cannot have these names.
var ofFlows = []string{"next", "input", "index", "foreach_stack", "merge_artifacts", "script_name"}

// variable reads the var of @catch, "" if there is none. It reports one that could not be read, because the flow's
// class has something else of that name.
func (d *decorator) variable() (name string) {
	if !d.checkText("var", "problem") || json.Unmarshal(d.d.Attributes["var"], &name) != nil || d.c.flow.Language != "python" {
		return name
	}
	flow, taken := d.c.flow, ""
	switch {
	case d.c.byName[name] != nil && d.v.Next != nil: // what the last step has is read by clients alone
		taken = "a step"
	case slices.Contains(ofFlows, name):
		taken = "an attribute of every flow"
	case slices.ContainsFunc(flow.Parameters, func(p Parameter) bool { return p.Attribute == name }):
		taken = "a parameter"
	case slices.ContainsFunc(flow.Configs, func(c Config) bool { return c.Attribute == name }):
		taken = "a config"
	case slices.ContainsFunc(flow.Constants, func(c Constant) bool { return c.Name == name }):
		taken = "a class variable"
	}
	if taken != "" {
		d.problem("the exception is to be stored as %s, which is %s. Choose another name, such as var='%s_problem'", name, taken, name)
	}
	return name
}

// unasked are the texts that the SDK fills in where @resources says nothing. They
// are what a cluster gives to a job, not what somebody asked for, so they do not
// keep tasks of a local run from running side by side. Who asks for as much
// writes a number: cpu=1.
var unasked = map[string]string{"cpu": `"1"`, "memory": `"4096"`}

// request reads an attribute of @resources. It is 0 if nothing was asked for.
func (d *decorator) request(name string) (value float64, ok bool) {
	if string(bytes.TrimSpace(d.d.Attributes[name])) == unasked[name] {
		return 0, true
	}
	return d.number(name, 0)
}

// environment reads the vars of @environment, each value as the text that str
// of the flow's language makes of it.
func (d *decorator) environment() map[string]string {
	raw := bytes.TrimSpace(d.d.Attributes["vars"])
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	var vars map[string]json.RawMessage
	if err := json.Unmarshal(raw, &vars); err != nil {
		d.problem("vars is %s, but it must be a mapping of names to values. Write vars={'NAME': 'value'}", raw)
		return nil
	}
	env := make(map[string]string, len(vars))
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := d.text(vars[name])
		if name == "" || strings.ContainsAny(name, "=\x00") {
			d.problem("%q cannot be the name of an environment variable. Use letters, digits and underscores", name)
			continue
		}
		if strings.ContainsRune(value, 0) {
			d.problem("the value of %s has a zero byte, which no environment variable can have. Remove it", name)
			continue
		}
		env[name] = value
	}
	return env
}

// text is a value as the flow's language prints it.
func (d *decorator) text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && len(raw) > 0 && raw[0] == '"' {
		return s
	}
	if d.c.flow.Language == "python" {
		switch string(raw) {
		case "true":
			return "True"
		case "false":
			return "False"
		case "null":
			return "None"
		}
	}
	return string(raw)
}
