package docstest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCompatibility runs the claims of testdata/compat.
//
// A claim is an archive: flows and other files, and a script of command lines in the form that Metaflow has, without
// `python`. Below each line stands what happens:
//
//	> run --alpha 1      run flow.py with these arguments; another file may come first, NAME=value before it
//	exit 0               the exit code
//	- text               what tasks printed on lines that begin with a dash, in any order, times and tasks taken off
//	! headline:          the headline of the error on stderr
//	| text               after `$` instead of `>`: all of stdout, with times, ids and the temporary folder masked
//
// The section "reference" holds what Metaflow does where that is not the same. It is compared only when
// LEVADA_REFERENCE names a Python that has Metaflow: `LEVADA_REFERENCE=venv/bin/python go test ./internal/docstest`.
func TestCompatibility(t *testing.T) { checkClaims(t, "testdata/compat/*.txt") }

// TestProjects runs whole projects, flows of the kind and size that tutorials and books have, in the same form: they
// are run, resumed and looked at with the Client.
func TestProjects(t *testing.T) { checkClaims(t, "testdata/projects/*.txt") }

// checkClaims runs the claims in some files, each a subtest.
func checkClaims(t *testing.T, pattern string) {
	reference := os.Getenv("LEVADA_REFERENCE")
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no claims", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := claim{parseArchive(string(text))}
			ours, theirs := c.section("script"), c.section("reference")
			got := c.run(t, ours, func(dir string, env []string, flow string, args []string) (result, error) {
				python, err := python()
				if err != nil {
					return result{}, err
				}
				env = environment(append(env, "PYTHONPATH="+sdk, "LEVADA_BIN="+binary)...)
				return command(dir, env, python, append([]string{flow}, args...)...)
			})
			want := theirs
			if want == "" {
				want = ours
			}
			if reference != "" {
				said := c.run(t, ours, func(dir string, env []string, flow string, args []string) (result, error) {
					return command(dir, environment(append(env, "PATH="+filepath.Dir(reference)+string(os.PathListSeparator)+os.Getenv("PATH"))...), reference, append([]string{flow}, args...)...)
				})
				if *rewrite {
					c.set("reference", "")
					if unordered(said) != unordered(got) {
						c.set("reference", said)
					}
				} else if d := cmp.Diff(unordered(want), unordered(said)); d != "" {
					t.Errorf("Metaflow does something else than the claim says (-claim +Metaflow):\n%s", d)
				}
			}
			if *rewrite {
				if unordered(ours) == unordered(got) {
					c.set("script", ours)
				} else {
					c.set("script", got)
				}
				if err := os.WriteFile(file, []byte(c.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if d := cmp.Diff(unordered(ours), unordered(got)); d != "" {
				t.Errorf("Levada does something else than the claim says (-claim +Levada):\n%s", d)
			}
		})
	}
}

// TestCompatibilityPage checks that the page names every claim, and no other.
func TestCompatibilityPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/compat/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`compat/([a-z0-9-]+)\.txt`).FindAllSubmatch(page, -1) {
		name := string(m[1])
		named[name] = true
		if _, err := os.Stat(filepath.Join("testdata", "compat", name+".txt")); err != nil {
			t.Errorf("docs/compatibility.md names the claim %s, which there is not", name)
		}
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".txt"); !named[name] {
			t.Errorf("docs/compatibility.md does not name the claim %s", name)
		}
	}
}

// unordered sorts what tasks printed below each command: tasks that run at once print as they come.
func unordered(script string) string {
	var out, printed []string
	flush := func() {
		slices.Sort(printed)
		out = append(out, printed...)
		printed = nil
	}
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "- ") {
			printed = append(printed, line)
			continue
		}
		flush()
		out = append(out, line)
	}
	flush()
	return strings.Join(out, "")
}

// claim is a claim and how to run it.
type claim struct{ *archive }

// run runs the commands of a script in a fresh folder and returns the script with what happened.
func (c claim) run(t *testing.T, script string, start func(dir string, env []string, flow string, args []string) (result, error)) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range c.files {
		if f.name == "script" || f.name == "reference" {
			continue
		}
		path := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(f.text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	for line := range strings.Lines(script) {
		text, all := strings.CutPrefix(line, "$ ")
		if !all {
			var ok bool
			if text, ok = strings.CutPrefix(line, "> "); !ok {
				continue
			}
		}
		out.WriteString(line)
		words, err := split(strings.TrimSpace(text))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		var env []string
		for len(words) > 0 && regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`).MatchString(words[0]) {
			env, words = append(env, words[0]), words[1:]
		}
		flow := "flow.py"
		if len(words) > 0 && strings.HasSuffix(words[0], ".py") {
			flow, words = words[0], words[1:]
		}
		r, err := start(dir, env, flow, words)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out.WriteString(happened(r, all, dir))
		if testing.Verbose() && os.Getenv("DOCSTEST_SHOW") != "" {
			t.Logf("%s\nstdout:\n%s\nstderr:\n%s", line, r.stdout, r.stderr)
		}
	}
	return out.String()
}

var (
	logLine  = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (?:\[[^\]]*\] )?(.*)$`)
	headline = regexp.MustCompile(`^ {4}(\S.*):$`)
	stamp    = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}`)
)

// happened says how a command ended.
func happened(r result, all bool, dir string) string {
	mask := func(text string) string {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			text = strings.ReplaceAll(text, real, "DIR")
		}
		return strings.ReplaceAll(text, dir, "DIR")
	}
	var out strings.Builder
	out.WriteString("exit " + itoa(r.code) + "\n")
	for line := range strings.Lines(r.stdout) {
		line = strings.TrimRight(line, "\n")
		if all {
			out.WriteString("| " + mask(stamp.ReplaceAllString(line, "TIME")) + "\n")
			continue
		}
		if m := logLine.FindStringSubmatch(line); m != nil {
			line = m[1]
		}
		if strings.HasPrefix(line, "- ") {
			out.WriteString(mask(line) + "\n")
		}
	}
	for line := range strings.Lines(r.stderr) {
		if m := headline.FindStringSubmatch(strings.TrimRight(line, "\n\x1b[K")); m != nil {
			out.WriteString("! " + mask(m[1]) + "\n")
			break
		}
	}
	for line := range strings.Lines(r.stderr) {
		if strings.HasPrefix(line, "Error: ") {
			line, _, _ = strings.Cut(line, " (choose from") // Metaflow's order changes from run to run
			out.WriteString("! " + mask(strings.TrimSpace(line)) + "\n")
			break
		}
	}
	return strings.ReplaceAll(out.String(), " \n", "\n")
}
