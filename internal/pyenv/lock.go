package pyenv

import (
	"regexp"
	"slices"
	"strings"
)

// Lock is a request with every choice made. It is kept as JSON.
type Lock struct {
	Python   string    `json:"python"`          // version of the interpreter
	Base     string    `json:"base,omitempty"`  // interpreter that the environment links to; none for conda
	Conda    []string  `json:"conda,omitempty"` // conda's packages: addresses, or name=version=build
	Packages []Package `json:"packages"`        // Python's packages, sorted
}

// Package is one package of a lock.
type Package struct {
	Name    string   `json:"name"`
	Version string   `json:"version,omitempty"`
	URL     string   `json:"url,omitempty"` // where it is if no registry has it
	Hashes  []string `json:"hashes,omitempty"`
}

// packages lists what is installed as "name==version".
func (l *Lock) packages() []string {
	var all []string
	for _, spec := range l.Conda {
		if name, rest, ok := strings.Cut(spec, "="); ok && !strings.Contains(name, "/") {
			version, _, _ := strings.Cut(rest, "=")
			all = append(all, name+"=="+version)
			continue
		}
		// An address ends with name-version-build.conda.
		address, _, _ := strings.Cut(spec, "#")
		file := address[strings.LastIndexByte(address, '/')+1:]
		if parts := strings.Split(file, "-"); len(parts) >= 3 {
			all = append(all, strings.Join(parts[:len(parts)-2], "-")+"=="+parts[len(parts)-2])
		}
	}
	for _, p := range l.Packages {
		if p.Version != "" {
			all = append(all, p.Name+"=="+p.Version)
		} else {
			all = append(all, p.Name+" @ "+p.URL)
		}
	}
	slices.Sort(all)
	return all
}

// requirements is the lock as a requirements file. It has hashes if all packages have, because pip wants all or none.
func (l *Lock) requirements() (text string, hashed bool) {
	hashed = !slices.ContainsFunc(l.Packages, func(p Package) bool { return len(p.Hashes) == 0 })
	var b strings.Builder
	for _, p := range l.Packages {
		b.WriteString(p.Name)
		if p.URL != "" {
			b.WriteString(" @ " + p.URL)
		} else {
			b.WriteString("==" + p.Version)
		}
		if hashed {
			for _, h := range p.Hashes {
				b.WriteString(" --hash=" + h)
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), hashed
}

var hashOption = regexp.MustCompile(`--hash=(\S+)`)

// readRequirements reads the requirements file that uv writes: pins with hashes, on lines that end with backslashes.
func readRequirements(text string) []Package {
	text = strings.ReplaceAll(text, "\\\n", " ")
	var found []Package
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "--") {
			continue
		}
		var p Package
		for _, m := range hashOption.FindAllStringSubmatch(line, -1) {
			p.Hashes = append(p.Hashes, m[1])
		}
		line = strings.TrimSpace(hashOption.ReplaceAllString(line, ""))
		line, _, _ = strings.Cut(line, " ;")
		if name, url, ok := strings.Cut(line, " @ "); ok {
			p.Name, p.URL = strings.TrimSpace(name), strings.TrimSpace(url)
		} else if name, version, ok := strings.Cut(line, "=="); ok {
			p.Name, p.Version = strings.TrimSpace(name), strings.TrimSpace(version)
		} else {
			continue
		}
		found = append(found, p)
	}
	return found
}
