package client_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/levadahq/levada/client"
)

// levada is the program.
var levada string

// home is the folder in which the flow below has been run, three times; it is the current folder of the tests.
var home string

// trainFlow is what the tests and examples look at.
const trainFlow = `
import dataclasses, datetime, decimal, sys
from metaflow import FlowSpec, IncludeFile, Parameter, catch, retry, step

@dataclasses.dataclass
class Model:
    name: str
    weights: list

class TrainFlow(FlowSpec):
    rate = Parameter("rate", default=0.5)
    fail = Parameter("fail", default=False)
    table = IncludeFile("table", default="table.csv")

    @step
    def start(self):
        print("three rates to try")
        self.rates = [self.rate, 2 * self.rate, 3 * self.rate]
        self.next(self.train, foreach="rates")

    @retry(times=1)
    @step
    def train(self):
        from metaflow import current
        if self.input == 3 * self.rate and current.retry_count == 0:
            raise ValueError("did not converge")
        if self.fail:
            raise RuntimeError("asked to fail")
        self.loss = 1 / (1 + self.input)
        self.next(self.choose)

    @step
    def choose(self, inputs):
        print("choosing", file=sys.stderr)
        self.losses = {"rate %g" % i.rates[n]: i.loss for n, i in enumerate(inputs)}
        self.best = min(self.losses.values())
        self.big = 2 ** 100
        self.day = datetime.datetime(2026, 11, 23, 14, 30, tzinfo=datetime.timezone.utc)
        self.took = datetime.timedelta(seconds=90)
        self.price = decimal.Decimal("1.20")
        self.model = Model("linear", [0.25, 0.5])
        self.mixed = [None, True, 1, "text", (1.5, b"bytes"), {"key": {1, 2}}]
        self.large = bytes(200_000)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    TrainFlow()
`

func TestMain(m *testing.M) {
	flag.Parse()
	if fuzz := flag.Lookup("test.fuzz"); fuzz != nil && fuzz.Value.String() != "" {
		os.Exit(m.Run()) // decoding needs no store
	}
	code, err := func() (int, error) {
		python, err := exec.LookPath("python3")
		if err != nil {
			fmt.Println("skipped: no python3 to run a flow with")
			return 0, nil
		}
		root, err := filepath.Abs("..")
		if err != nil {
			return 1, err
		}
		if home, err = os.MkdirTemp("", "client"); err != nil {
			return 1, err
		}
		defer os.RemoveAll(home)
		tools, err := os.MkdirTemp("", "client")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(tools)
		levada = filepath.Join(tools, "levada")
		build := exec.Command("go", "build", "-o", levada, "./cmd/levada")
		build.Dir = root
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("go build: %w\n%s", err, out)
		}
		for name, text := range map[string]string{"train.py": trainFlow, "table.csv": "a,b\n", "helper.py": "x = 1\n"} {
			if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o644); err != nil {
				return 1, err
			}
		}
		for key, value := range map[string]string{"LEVADA_HOME": "", "LEVADA_USER": "ann", "TZ": "UTC", "LEVADA_CACHE": filepath.Join(tools, "cache")} {
			os.Setenv(key, value)
		}
		for i, args := range [][]string{{"--tag", "first"}, {"--rate", "1", "--tag", "second"}, {"--fail", "true"}} {
			run := exec.Command(levada, append([]string{"--quiet", "run", "train.py", "--python", python}, args...)...)
			run.Dir = home
			if out, err := run.CombinedOutput(); (err != nil) != (i == 2) {
				return 1, fmt.Errorf("levada run %q: %w\n%s", args, err, out)
			}
		}
		if err := os.Chdir(home); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// server is the address of a server of the store, while its tests run.
var server string

// open opens the store of the tests.
func open(t *testing.T, namespace string) *client.Client {
	t.Helper()
	o := client.Options{Dir: home, Namespace: namespace}
	if server != "" {
		o = client.Options{Server: server, Namespace: namespace}
	}
	c, err := client.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
