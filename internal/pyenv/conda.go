package pyenv

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/levadahq/levada/internal/fault"
)

// conda makes environments with micromamba, mamba or conda, whose interpreter is conda's too. Packages
// from PyPI, if the step asks for both, are put on top by the other tool.
type conda struct {
	c       *Cache
	program string // its name
	path    string
	pypi    filler
}

func (m *conda) name() string { return m.program }

func (m *conda) interpreter(_ context.Context, r Request) (string, string, error) {
	version := r.Python
	if version == "" {
		parts := strings.SplitN(m.c.Version, ".", 3)
		version = strings.Join(parts[:min(2, len(parts))], ".")
	}
	return "", version, r.usable(strings.TrimLeft(version, "=<>~ "))
}

// create are the arguments that name channels and packages.
func (m *conda) create(prefix string, specs ...string) []string {
	args := []string{"create", "--yes", "--quiet", "--prefix", prefix, "--override-channels"}
	channels := m.c.environ()["CONDA_CHANNELS"]
	if channels == "" {
		channels = "conda-forge"
	}
	for channel := range strings.SplitSeq(channels, ",") {
		args = append(args, "--channel", strings.TrimSpace(channel))
	}
	return append(args, specs...)
}

func (m *conda) resolve(ctx context.Context, r Request, _, version string) (*Lock, error) {
	spec := "python" + version
	if bareVersion.MatchString(version) {
		spec = "python=" + version
	}
	specs := append([]string{spec}, r.specs()...)
	prefix := filepath.Join(m.c.Dir, "resolve-"+hashOf(specs)[:16])
	out, err := m.c.run(ctx, command{program: m.path, args: append(m.create(prefix, specs...), "--dry-run", "--json")})
	if err != nil {
		return nil, m.c.explain(r, m.program, err)
	}
	l, err := readPlan(out)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "read the plan of "+m.program, err)
	}
	if len(r.Pypi) == 0 {
		return l, nil
	}
	// PyPI's packages are resolved for the interpreter that conda brings, so it has to be there.
	defer os.RemoveAll(prefix)
	if err := m.make(ctx, r, l, prefix, nil); err != nil {
		return nil, err
	}
	more, err := m.pypi.resolve(ctx, r, filepath.Join(prefix, "bin", "python"), l.Python)
	if err != nil {
		return nil, err
	}
	l.Packages = more.Packages
	return l, nil
}

func (m *conda) install(ctx context.Context, r Request, l *Lock, _, dir string, held *os.File) error {
	if err := m.make(ctx, r, l, dir, held); err != nil {
		return err
	}
	return m.pypi.fill(ctx, r, l, filepath.Join(dir, "bin", "python"), dir, held)
}

// make makes conda's part of an environment.
func (m *conda) make(ctx context.Context, r Request, l *Lock, dir string, held *os.File) error {
	args := m.create(dir, l.Conda...)
	if strings.Contains(l.Conda[0], "://") {
		file, err := os.CreateTemp(m.c.Dir, "explicit-*.txt")
		if err != nil {
			return m.c.unwritable(err)
		}
		defer os.Remove(file.Name())
		file.WriteString("@EXPLICIT\n" + strings.Join(l.Conda, "\n") + "\n")
		file.Close()
		args = []string{"create", "--yes", "--quiet", "--prefix", dir, "--file", file.Name()}
	}
	_, err := m.c.run(ctx, command{program: m.path, args: args, held: held})
	return m.c.explain(r, m.program, err)
}

// readPlan reads what a dry run says would be linked.
func readPlan(text string) (*Lock, error) {
	var plan struct {
		Actions struct {
			Link  []link `json:"LINK"`
			Fetch []link `json:"FETCH"`
		} `json:"actions"`
	}
	if i := strings.IndexByte(text, '{'); i > 0 {
		text = text[i:] // some versions say something before
	}
	if err := json.Unmarshal([]byte(text), &plan); err != nil {
		return nil, err
	}
	urls := map[string]string{}
	for _, f := range plan.Actions.Fetch {
		urls[f.Name] = f.address()
	}
	l := &Lock{}
	explicit := true
	for _, p := range plan.Actions.Link {
		if p.Name == "python" {
			l.Python = p.Version
		}
		if p.URL != "" {
			urls[p.Name] = p.address()
		}
		explicit = explicit && urls[p.Name] != ""
	}
	for _, p := range plan.Actions.Link {
		if explicit {
			l.Conda = append(l.Conda, urls[p.Name])
			continue
		}
		build := p.Build
		if build == "" {
			build = p.Short
		}
		l.Conda = append(l.Conda, strings.TrimSuffix(p.Name+"="+p.Version+"="+build, "="))
	}
	if l.Python == "" {
		return nil, fault.New(fault.Unavailable, "it has no python")
	}
	return l, nil
}

// link is one package of a plan.
type link struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Build   string `json:"build_string"`
	Short   string `json:"build"`
	URL     string `json:"url"`
	MD5     string `json:"md5"`
}

// address is where the package is, with its hash as files of addresses have it.
func (l link) address() string {
	if l.URL == "" || l.MD5 == "" {
		return l.URL
	}
	return l.URL + "#" + l.MD5
}
