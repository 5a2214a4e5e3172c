package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// option is one option of the command line. Whoever makes one binds it to where its value goes.
type option struct {
	name string // without dashes
	off  string // the name that switches a flag off; "" if there is none
	// short is a letter that stands for the name after one dash: "f" for -f. Usually "".
	short string
	// metavar names the value in help: "TEXT". Empty makes the option a flag.
	metavar string
	arity   int      // values that each use takes; 0 means 1, or none for a flag
	many    bool     // may be repeated; its environment form holds several, separated by white space
	choices []string // values to offer where a command line is completed, besides those in metavar
	help    string
	def     string // default, shown in help
	hidden  bool
	before  bool // only before the command: parameters have such names, and other commands do not take it
	require bool
	// dest is the name in environment forms: METAFLOW_RUN_<dest>. Empty if there is none.
	dest string
	own  bool // unknown to Metaflow: only the LEVADA_ form exists
	// first names environment variables that are stronger than those, whole.
	first []string
	// fallback names further environment variables, tried last, whole.
	fallback []string
	// set receives the values of one use; a flag gets "true" or "false".
	set func(values []string) error
	// stands is the text that a use of a flag stands for; "" means "true".
	stands string
	// parameter marks a parameter of the flow, for which an empty environment variable is a value.
	parameter bool
}

func (o *option) flag() bool { return o.metavar == "" }

// values returns how many values a use of the option takes.
func (o *option) values() int {
	if o.flag() {
		return 0
	}
	return max(1, o.arity)
}

// table is a set of options; the first with a name wins.
type table []option

// find returns the option with a name, and whether the name switches it off.
func (t table) find(name string) (o *option, off bool) {
	for i := range t {
		if t[i].name == name {
			return &t[i], false
		}
		if t[i].off == name && name != "" {
			return &t[i], true
		}
	}
	return nil, false
}

// token is one word or one option with its values.
type token struct {
	word     string
	isWord   bool
	name     string // of the option as given, without dashes
	opt      *option
	off      bool
	values   []string
	from, to int // the arguments it was read from
}

// scanner splits arguments into tokens.
type scanner struct {
	args    []string
	at      int
	options table
	// lenient lets unknown options pass: each is taken to have one value, as the
	// parameters of a flow do, unless an option that is known follows: then it is a flag. Their tokens have no opt.
	lenient bool
	literal bool // after "--"
}

// next returns the next token; ok is false at the end.
func (s *scanner) next() (t token, ok bool, err error) {
	for !s.literal && s.at < len(s.args) && s.args[s.at] == "--" {
		s.literal = true
		s.at++
	}
	if s.at >= len(s.args) {
		return token{}, false, nil
	}
	arg := s.args[s.at]
	t.from = s.at
	s.at++
	if s.literal || len(arg) < 2 || arg[0] != '-' {
		t.word, t.isWord, t.to = arg, true, s.at
		return t, true, nil
	}
	if len(arg) == 2 {
		if i := slices.IndexFunc(s.options, func(o option) bool { return o.short == arg[1:] }); i >= 0 {
			arg = "--" + s.options[i].name
		}
	}
	name, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
	t.name = name
	if strings.HasPrefix(arg, "--") {
		t.opt, t.off = s.options.find(name)
	} else {
		name = arg
	}
	need := 1
	switch {
	case t.opt != nil:
		need = t.opt.values()
	case !s.lenient:
		return t, true, s.unknown(arg)
	case s.at < len(s.args) && s.knows(s.args[s.at]):
		need = 0
	}
	if hasValue {
		if need == 0 && t.opt != nil {
			return t, true, usagef("--%s option does not take a value", name)
		}
		t.values = append(t.values, value)
	}
	for len(t.values) < need {
		if s.at >= len(s.args) {
			if s.lenient {
				t.opt, t.to = nil, s.at
				return t, true, nil
			}
			if need > 1 {
				return t, true, usagef("--%s option requires %d arguments", name, need)
			}
			return t, true, usagef("--%s option requires an argument", name)
		}
		t.values = append(t.values, s.args[s.at])
		s.at++
	}
	t.to = s.at
	return t, true, nil
}

// knows reports whether an argument is an option that there is.
func (s *scanner) knows(arg string) bool {
	name, long := strings.CutPrefix(arg, "--")
	name, _, _ = strings.Cut(name, "=")
	o, _ := s.options.find(name)
	return long && o != nil
}

// unknown is the error for an option that does not exist, with the nearest that does.
func (s *scanner) unknown(arg string) error {
	name, _, _ := strings.Cut(arg, "=")
	var names []string
	for _, o := range s.options {
		if !o.hidden {
			names = append(names, "--"+o.name)
		}
	}
	if letter := strings.TrimPrefix(name, "-"); len(letter) == 1 {
		begin := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name[2:3] != letter })
		if len(begin) == 1 || len(begin) == 2 {
			return usagef("no such option: %s  Did you mean %s?", name, strings.Join(begin, " or "))
		}
		return usagef("no such option: %s", name)
	}
	if near := nearest(name, names); near != "" {
		return usagef("no such option: %s  Did you mean %s?", name, near)
	}
	return &usageError{text: "no such option: " + name, option: strings.TrimLeft(name, "-")}
}

// apply gives the option of a token its values.
func (t token) apply() error {
	values := t.values
	if t.opt.flag() {
		values = []string{cmp.Or(t.opt.stands, "true")}
		if t.off {
			values = []string{"false"}
		}
	}
	return t.opt.accept(values, "--"+t.name)
}

// accept gives an option its values and names it in the error.
func (o *option) accept(values []string, label string) error {
	err := o.set(values)
	if err == nil {
		return nil
	}
	if bad, ok := err.(badValue); ok {
		return usagef("Invalid value for '%s': %s", label, string(bad))
	}
	return err
}

// badValue is what a binding says of a value that it does not take.
type badValue string

func (b badValue) Error() string { return string(b) }

// usageError is a mistake on the command line, printed as Click prints it; the exit code is 2.
type usageError struct {
	text   string
	hint   string
	option string // of which there is none, and none that is like it
}

func (u *usageError) Error() string { return u.text }

func usagef(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// nearest returns the name that a mistyped one probably meant, or "". Of short words, one letter may be wrong, or two
// that have changed places: with more, it is another word.
func nearest(word string, names []string) string {
	letters := len(strings.TrimLeft(word, "-"))
	best, found := min(3, (letters+1)/3+1), ""
	for _, name := range names {
		d := distance(word, name)
		if len(word) > 4 && strings.HasPrefix(name, word) {
			d = 1
		}
		if d < best {
			best, found = d, name
		}
	}
	return found
}

// distance is the number of letters to change, add, drop or let change places with the next to get from a to b.
func distance(a, b string) int {
	var rows [3][]int // of the letter before the last, the last, and this one
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[2] {
		rows[2][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[0], rows[1], rows[2] = rows[1], rows[2], rows[0]
		before, last, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last[j-1]
			if a[i-1] != b[j-1] {
				cost = 1 + min(last[j-1], last[j], row[j-1])
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cost = min(cost, 1+before[j-2])
			}
			row[j] = cost
		}
	}
	return rows[2][len(b)]
}
