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

// TestPages runs every command of the README and of the pages in docs.
//
// A page is one session in a folder that looks like the repository: examples and python are there. Its blocks:
//
//   - ```console: lines that begin with "$ " are commands, for bash; what follows a command is its output, stdout and
//     stderr as they come. Times, process ids, durations, sizes and the like are masked, and lines are compared without
//     their order, because tasks run at once. A line "..." stands for any lines.
//   - ```python file=NAME, ```go file=NAME: the file NAME.
//
// Other blocks are only read. With -rewrite, outputs that differ are written into the page.
func TestPages(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md")) {
		name, err := filepath.Rel(root, page)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkPage(t, page)
		})
	}
}

// home is what pages call the folder that they work in.
const home = "/home/ada/levada"

func checkPage(t *testing.T, page string) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "levada")
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "python"), filepath.Join(dir, "python")); err != nil {
		t.Fatal(err)
	}
	// Flows in Go are in a module of their own, as those of users are.
	module := "module pages\n\ngo 1.26.0\n\nrequire github.com/levadahq/levada v0.0.0\n\nreplace github.com/levadahq/levada => " + root + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(module), 0o644); err != nil {
		t.Fatal(err)
	}
	env := environment("PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH"))

	var out strings.Builder
	changed := false
	lines := slices.Collect(strings.Lines(string(data)))
	for i := 0; i < len(lines); i++ {
		out.WriteString(lines[i])
		info, fence := strings.CutPrefix(strings.TrimSpace(lines[i]), "```")
		if !fence {
			continue
		}
		var block []string
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			block = append(block, lines[i])
		}
		switch {
		case info == "console":
			text, different := checkBlock(t, page, dir, env, block)
			changed = changed || different
			out.WriteString(text)
		default:
			if _, name, ok := strings.Cut(info, " file="); ok {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(block, "")), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			out.WriteString(strings.Join(block, ""))
		}
		if i < len(lines) {
			out.WriteString(lines[i])
		}
	}
	if *rewrite && changed {
		if err := os.WriteFile(page, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// checkBlock runs the commands of a block and returns the block as it should be.
func checkBlock(t *testing.T, page, dir string, env, block []string) (text string, different bool) {
	var out strings.Builder
	for i := 0; i < len(block); {
		line, ok := strings.CutPrefix(block[i], "$ ")
		if !ok {
			t.Errorf("%s: a console block begins with output: %s", page, block[i])
			return strings.Join(block, ""), false
		}
		out.WriteString(block[i])
		i++
		var want []string
		for ; i < len(block) && !strings.HasPrefix(block[i], "$ "); i++ {
			want = append(want, strings.TrimRight(block[i], " \n"))
		}
		got := session(t, dir, env, strings.TrimSpace(line))
		if d := compare(want, got); d == "" {
			for _, w := range want {
				out.WriteString(w + "\n")
			}
		} else {
			different = true
			if !*rewrite || slices.Contains(want, "...") {
				t.Errorf("%s: $ %s(-page +now)\n%s", page, line, d)
			}
			for _, g := range got {
				out.WriteString(g + "\n")
			}
		}
	}
	return out.String(), different
}

// session runs one command line in bash and returns the lines of its output.
func session(t *testing.T, dir string, env []string, line string) []string {
	t.Helper()
	line = strings.ReplaceAll(line, "go run ./cmd/levada", "levada") // built already
	r, err := command(dir, env, "bash", "-c", "exec 2>&1\n"+line)
	if err != nil {
		t.Fatal(err)
	}
	text := r.stdout
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		text = strings.ReplaceAll(text, real, home)
	}
	text = strings.ReplaceAll(text, dir, home)
	text = regexp.MustCompile(`0\.1\.0-dev\+[0-9a-f]{12}`).ReplaceAllString(text, "0.1.0-dev")
	if text == "" {
		return nil
	}
	var lines []string
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	return lines
}

// masks are what differs from run to run.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\(pid \d+\)`), "(pid N)"},
	{regexp.MustCompile(`\b\d+(\.\d+)?m?s\b`), "SECONDS"},
	{regexp.MustCompile(`\b\d+(\.\d+)? [KM]iB\b`), "MEMORY"},
	{regexp.MustCompile(`just now|\d+ seconds? ago`), "AGO"},
	{regexp.MustCompile(`"(seconds|rate|left|elapsed|cpu|memory|pid)":[0-9.]+`), `"$1":N`},
	{regexp.MustCompile(`0x[0-9a-f]+`), "0xN"},
	{regexp.MustCompile(`python_version:[0-9a-z.+]+`), "python_version:N"},
	{regexp.MustCompile(`  +`), " "},
}

func mask(line string) string {
	for _, m := range masks {
		line = m.what.ReplaceAllString(line, m.with)
	}
	return line
}

// compare compares what a page says with what a command printed: "" if they agree.
func compare(want, got []string) string {
	masked := func(lines []string) []string {
		var all []string
		for _, l := range lines {
			if l = mask(l); strings.TrimSpace(l) != "" && l != "..." {
				all = append(all, l)
			}
		}
		slices.Sort(all)
		return all
	}
	w, g := masked(want), masked(got)
	if slices.Contains(want, "...") {
		g = slices.DeleteFunc(slices.Clone(g), func(l string) bool { return !slices.Contains(w, l) })
	}
	return cmp.Diff(w, g)
}
