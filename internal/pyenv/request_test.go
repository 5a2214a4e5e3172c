package pyenv

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/levadahq/levada/internal/graph"
)

func decorator(name, attributes string) graph.Decorator {
	d := graph.Decorator{Name: name}
	if err := json.Unmarshal([]byte(attributes), &d.Attributes); err != nil {
		panic(err)
	}
	return d
}

func TestOf(t *testing.T) {
	for _, test := range []struct {
		name       string
		flow, step []graph.Decorator
		want       Request
		none       bool
	}{
		{name: "nothing", none: true},
		{name: "a step's own", step: []graph.Decorator{decorator("pypi", `{"packages":{"a":"1"},"python":"3.11","disabled":null}`)},
			want: Request{Pypi: map[string]string{"a": "1"}, Python: "3.11"}},
		{name: "the flow's", flow: []graph.Decorator{decorator("pypi_base", `{"packages":{"a":""}}`)},
			want: Request{Pypi: map[string]string{"a": ""}}},
		{name: "the step wins, package by package",
			flow: []graph.Decorator{decorator("pypi_base", `{"packages":{"a":"1","b":"1"},"python":"3.10"}`)},
			step: []graph.Decorator{decorator("pypi", `{"packages":{"a":"2","c":3}}`)},
			want: Request{Pypi: map[string]string{"a": "2", "b": "1", "c": "3"}, Python: "3.10"}},
		{name: "disabled", flow: []graph.Decorator{decorator("pypi_base", `{"packages":{"a":"1"}}`)},
			step: []graph.Decorator{decorator("pypi", `{"disabled":true}`)}, none: true},
		{name: "not disabled after all", flow: []graph.Decorator{decorator("pypi_base", `{"packages":{"a":"1"},"disabled":true}`)},
			step: []graph.Decorator{decorator("pypi", `{"disabled":false}`)}, want: Request{Pypi: map[string]string{"a": "1"}}},
		{name: "conda under its old name", step: []graph.Decorator{decorator("conda", `{"libraries":{"n":"1.2"},"packages":{}}`)},
			want: Request{Conda: map[string]string{"n": "1.2"}, Managed: true}},
		{name: "both", flow: []graph.Decorator{decorator("conda_base", `{"python":"3.12"}`)},
			step: []graph.Decorator{decorator("pypi", `{"packages":{"a":"1"}}`)},
			want: Request{Pypi: map[string]string{"a": "1"}, Conda: map[string]string{}, Managed: true, Python: "3.12"}},
		{name: "both, conda disabled", flow: []graph.Decorator{decorator("conda_base", `{"packages":{"n":"1"}}`)},
			step: []graph.Decorator{decorator("conda", `{"disabled":"True"}`), decorator("pypi", `{"packages":{"a":"1"}}`)},
			want: Request{Pypi: map[string]string{"a": "1"}, Conda: map[string]string{"n": "1"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, ok, err := Of(&graph.Flow{File: "/f/flow.py", Decorators: test.flow}, &graph.Step{Name: "s", Decorators: test.step})
			if err != nil {
				t.Fatal(err)
			}
			if ok == test.none {
				t.Fatalf("asks for something: %v", ok)
			}
			if test.none {
				return
			}
			test.want.Steps, test.want.Folder = []string{"s"}, "/f"
			if !r.Managed {
				r.Conda, test.want.Conda = nil, nil
			}
			if d := cmp.Diff(test.want, r); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	_, _, err := Of(&graph.Flow{File: "/f/flow.py"}, &graph.Step{Name: "s", Decorators: []graph.Decorator{decorator("pypi", `{"packages":["a"]}`)}})
	if err == nil || !strings.Contains(err.Error(), "Step s, @pypi") {
		t.Errorf("a list of packages: %v", err)
	}
}

func TestRequirement(t *testing.T) {
	for version, want := range map[string]string{
		"": "a", "*": "a", "1.2": "a==1.2", "1.*": "a==1.*", ">=1,<2": "a>=1,<2", "==1.2": "a==1.2", "~=1.2": "a~=1.2",
		"@ git+https://h/r.git": "a @ git+https://h/r.git", "@ ./w/a.whl": "a @ file:///f/w/a.whl", "@/w/a.whl": "a @ file:///w/a.whl",
	} {
		if got := requirement("a", version, "/f"); got != want {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for asked, versions := range map[string]string{
		"3": "+3.11.7 -2.7.18", "3.1": "-3.11.7 +3.1.4", "3.11": "+3.11.7 +3.11 -3.12.0", "3.11.7": "+3.11.7 -3.11.70",
		">=3.10,<3.12": "+3.10.0 +3.11.9 -3.12.0 -3.9.18", "==3.11.*": "+3.11.7 -3.12.1", "~=3.10": "+3.12.1 -3.9.1",
		"~=3.10.2": "+3.10.13 -3.11.0 -3.10.1", "!=3.11": "-3.11.7 +3.12.1", "<=3.11": "+3.11.7 -3.12.0", ">3.11": "-3.11.7 +3.12.0",
		"nonsense": "-3.11.7", "": "-",
	} {
		for v := range strings.FieldsSeq(versions) {
			if got, want := matches(asked, v[1:]), v[0] == '+'; got != want {
				t.Errorf("%q and %s: %v", asked, v[1:], got)
			}
		}
	}
}

func TestReadRequirements(t *testing.T) {
	got := readRequirements("# by uv\na==1.0 ; python_version < '4' \\\n    --hash=sha256:11 \\\n    --hash=sha256:22\nb @ file:///w/b.whl\n--find-links x\n")
	want := []Package{{Name: "a", Version: "1.0", Hashes: []string{"sha256:11", "sha256:22"}}, {Name: "b", URL: "file:///w/b.whl"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	text, hashed := (&Lock{Packages: got}).requirements()
	if want := "a==1.0\nb @ file:///w/b.whl\n"; text != want || hashed {
		t.Errorf("%q, %v", text, hashed)
	}
	text, hashed = (&Lock{Packages: got[:1]}).requirements()
	if want := "a==1.0 --hash=sha256:11 --hash=sha256:22\n"; text != want || !hashed {
		t.Errorf("%q, %v", text, hashed)
	}
}

func TestPipSettings(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/pip.conf", "[global]\nindex-url = https://one/simple\nextra-index-url =\n    https://two\n    https://three\n[other]\nno-index = 1\n[install]\nfind_links = /w\n")
	got := pipSettings(map[string]string{"PIP_CONFIG_FILE": dir + "/pip.conf", "PIP_INDEX_URL": "https://env"})
	want := map[string]string{"index-url": "https://env", "extra-index-url": "https://two https://three", "find-links": "/w"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	u := &uvTool{&Cache{Env: []string{"PIP_CONFIG_FILE=" + dir + "/pip.conf", "UV_DEFAULT_INDEX=https://uv"}}, "uv"}
	if d := cmp.Diff([]string{"UV_INDEX_STRATEGY=unsafe-best-match", "UV_INDEX=https://two https://three", "UV_FIND_LINKS=/w"}, u.registries()); d != "" {
		t.Error(d)
	}
}

func TestReadPlan(t *testing.T) {
	l, err := readPlan(`noise {"actions":{"FETCH":[{"name":"n","url":"https://c/n-1.2-0.conda","md5":"ab"}],"LINK":[
		{"name":"python","version":"3.11.7","build_string":"h1","url":"https://c/python-3.11.7-h1.conda"},{"name":"n","version":"1.2","build_string":"0"}]}}`)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&Lock{Python: "3.11.7", Conda: []string{"https://c/python-3.11.7-h1.conda", "https://c/n-1.2-0.conda#ab"}}, l); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"n==1.2", "python==3.11.7"}, l.packages()); d != "" {
		t.Error(d)
	}
	l, err = readPlan(`{"actions":{"LINK":[{"name":"python","version":"3.11.7","build":"h1"}]}}`)
	if err != nil || l.Conda[0] != "python=3.11.7=h1" || l.packages()[0] != "python==3.11.7" {
		t.Error(l, err)
	}
	if _, err := readPlan(`{"actions":{}}`); err == nil {
		t.Error("a plan without python was taken")
	}
}
