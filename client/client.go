// Package client reads recorded runs of flows: runs, tasks, artifacts as Go values, logs, code. It also changes the
// tags of runs. It is for Go programs what Metaflow's Client is for Python.
//
//	c, err := client.Open(ctx, client.Options{})
//	…
//	run, err := c.LatestRun(ctx, "TrainFlow")
//	…
//	loss, err := client.Get[float64](ctx, run, "loss")
//
// # Objects
//
// A [Client] has flows, a [Flow] has runs, a [Run] has steps, a [Step] has tasks, a [Task] has artifacts. Find an
// object by its path ([Client.Run], [Client.Step], [Client.Task], [Client.Artifact]) or through its parent. Its fields
// are what was recorded when it was read, and do not change; [Run.Reload] and [Task.Reload] read again. Methods read
// from the store. Lists are iterators that read a page at a time, so that a loop may stop early; if there is an error,
// it is the last item. All methods of all objects may be called concurrently.
//
// # Paths
//
// A path is "MyFlow/12", "MyFlow/12/train", "MyFlow/12/train/3" or "MyFlow/12/train/3/loss". The name of the flow may
// be omitted.
//
// # Namespaces
//
// A namespace is a tag, such as "user:ann" or "production:token"; a run is in it if it has that tag.
// [Options].Namespace, or [Client.In], limits a client to the runs of one namespace; by default it sees all runs. A run
// that exists, but not in the namespace, is the error [ErrNamespace].
//
// # Values
//
// [Decode] and [Get] turn an artifact of Python, Go or another language into a Go value without executing anything that
// is stored; [Decode] lists which types fit which. [Artifact.Bytes] returns the bytes of a value that only Python, or
// only the flow in Go that stored it, can interpret.
//
// # Errors
//
// With [errors.Is], an error matches one of the Err variables of this package, or the error of a context. If the user
// can do something about an error, its text ends with that. Reading from a closed client returns [ErrClosed].
package client

import (
	"context"
	"iter"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/local"
	"github.com/levadahq/levada/internal/service"
	"github.com/levadahq/levada/internal/webclient"
)

// Options say which store to open, and what of it to see. The zero value is what the levada command uses.
type Options struct {
	// Store is the folder of the store itself, such as "/data/project/.levada". If it is empty, LEVADA_HOME names it;
	// else a folder .levada is looked for in Dir and in the folders above.
	Store string
	// Dir is where to begin to look; the current folder if it is empty.
	Dir string
	// Server is the address of a `levada server` that is asked in place of a folder: "http://127.0.0.1:8265". If it,
	// Store and Dir are empty, LEVADA_SERVER gives it.
	Server string
	// Namespace limits the client to the runs in it: "user:ann". Empty is all runs.
	Namespace string
}

// Client reads a store. Close it after use. The zero Client is closed.
type Client struct {
	*store
	namespace string
}

// store is an opened store, shared by all that was read from it.
type store struct {
	api    api.Caller
	home   string // empty: that of a server
	close  func() error
	closed atomic.Bool
}

// caller is whoever answers, as long as the store is open.
func (s *store) caller() api.Caller { return gate{s} }

// gate is closed when its store is.
type gate struct{ *store }

func (g gate) Call(ctx context.Context, name string, params []byte) (any, error) {
	if err := g.opened(); err != nil {
		return nil, err
	}
	res, err := g.api.Call(ctx, name, params)
	if err != nil && ctx.Err() == nil && g.closed.Load() { // while it was asked
		return nil, g.opened()
	}
	return res, err
}

// opened returns an error if the store is not open.
func (s *store) opened() error {
	switch {
	case s == nil:
		return &failure{fault.New(fault.Usage, "the client is not open: it is not one that client.Open returned"), ErrClosed}
	case s.closed.Load():
		return &failure{fault.New(fault.Usage, "the client is closed"), ErrClosed}
	}
	return nil
}

// Open opens a store for reading. ErrNotFound if there is none.
func Open(ctx context.Context, o Options) (*Client, error) {
	if o.Server != "" && (o.Store != "" || o.Dir != "") {
		return nil, wrap(fault.New(fault.Usage, "a client reads a store in a folder or a server, not both"))
	}
	if o == (Options{Namespace: o.Namespace}) {
		o.Server = os.Getenv("LEVADA_SERVER")
	}
	s, err := openServer(ctx, o.Server)
	if o.Server == "" {
		s, err = openFolder(ctx, o)
	}
	if err != nil {
		return nil, wrap(err)
	}
	return &Client{store: s, namespace: o.Namespace}, nil
}

func openServer(ctx context.Context, address string) (*store, error) {
	if address == "" {
		return nil, nil
	}
	c, err := webclient.New(address)
	if err != nil {
		return nil, err
	}
	if _, err := api.Ask[api.Info](ctx, c, "info", struct{}{}); err != nil { // so that a wrong address is told here
		c.Close()
		return nil, err
	}
	return &store{api: c, close: c.Close}, nil
}

func openFolder(ctx context.Context, o Options) (*store, error) {
	where := local.Where{Dir: o.Dir, Path: o.Store}
	if where.Path == "" && o.Dir == "" {
		where.Path = os.Getenv("LEVADA_HOME")
	}
	if where.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		where.Dir = dir
	}
	return open(ctx, where)
}

func open(ctx context.Context, where local.Where) (*store, error) {
	opened, err := local.Open(ctx, where)
	if err != nil {
		return nil, err
	}
	c := opened.Config
	return &store{
		home: c.Home, close: opened.Close,
		api: api.New(api.Config{Cases: service.New(c), Store: c.Store, Data: c.Data, Home: c.Home}),
	}, nil
}

// Close releases the store. From then on, ErrClosed is the error of whatever would read more, also from objects that
// were read before. Closing again does nothing.
func (c *Client) Close() error {
	if c.store == nil || c.closed.Swap(true) {
		return nil
	}
	return wrap(c.close())
}

// Home is the folder of the store, "" if a server has it.
func (c *Client) Home() string {
	if c.store == nil {
		return ""
	}
	return c.home
}

// Namespace is the namespace that the client is limited to, "" if it sees all runs.
func (c *Client) Namespace() string { return c.namespace }

// In returns a client of the same store that sees the runs in a namespace, all of them if it is empty. Closing either
// closes both.
func (c *Client) In(namespace string) *Client { return &Client{store: c.store, namespace: namespace} }

// Flow is a flow that has runs.
type Flow struct {
	Name string
	Size int // how many runs it has in the namespace

	c *Client
}

// Flows returns the flows that have runs, in the order of the alphabet.
func (c *Client) Flows(ctx context.Context) ([]*Flow, error) {
	res, err := api.Ask[api.FlowsResult](ctx, c.caller(), "flows", api.FlowsRequest{Namespace: c.namespace})
	if err != nil {
		return nil, wrap(err)
	}
	flows := make([]*Flow, len(res.Flows))
	for i, f := range res.Flows {
		flows[i] = &Flow{Name: f.Name, Size: f.Runs, c: c}
	}
	return flows, nil
}

// Flow returns a flow by its name. ErrNotFound if it has no runs, ErrNamespace if it has none in the namespace.
func (c *Client) Flow(ctx context.Context, name string) (*Flow, error) {
	flows, err := c.Flows(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range flows {
		if f.Name == name {
			return f, nil
		}
	}
	if c.namespace != "" {
		if _, err := c.In("").Flow(ctx, name); err == nil {
			return nil, outside("flow "+name, c.namespace)
		}
	}
	return nil, wrap(fault.New(fault.NotFound, "there are no runs of a flow %s", name).On(c.home))
}

// Runs yields the runs of the flow that match, newest first. filter.Flow is ignored.
func (f *Flow) Runs(ctx context.Context, filter RunFilter) iter.Seq2[*Run, error] {
	filter.Flow = f.Name
	return f.c.Runs(ctx, filter)
}

// LatestRun returns the newest run of the flow. ErrNotFound if there is none.
func (f *Flow) LatestRun(ctx context.Context) (*Run, error) { return f.c.LatestRun(ctx, f.Name) }

// LatestSuccessfulRun returns the newest run of the flow that succeeded. ErrNotFound if there is none.
func (f *Flow) LatestSuccessfulRun(ctx context.Context) (*Run, error) {
	return f.c.first(ctx, RunFilter{Flow: f.Name, Status: Succeeded}, "no run of "+f.Name+" has succeeded")
}

// RunFilter selects runs. Zero fields do not select.
type RunFilter struct {
	Flow   string
	User   string
	Status Status
	Tags   []string  // all of them; system tags count
	After  time.Time // created then or later
	Before time.Time // created before then
}

// Runs yields the runs that match, newest first.
func (c *Client) Runs(ctx context.Context, f RunFilter) iter.Seq2[*Run, error] {
	return c.runs(ctx, f, 0)
}

// runs yields runs from pages of a size; 0 is the usual one.
func (c *Client) runs(ctx context.Context, f RunFilter, page int) iter.Seq2[*Run, error] {
	q := api.RunsRequest{
		Flow: api.One(f.Flow), Namespace: c.namespace, Tags: f.Tags, User: api.One(f.User), Status: api.One(api.Status(f.Status)),
		After: api.TimeOf(f.After), Before: api.TimeOf(f.Before), Limit: page,
	}
	return pages(func() ([]api.Run, bool, error) {
		res, err := api.Ask[api.RunsResult](ctx, c.caller(), "runs", q)
		q.Cursor = res.Next
		return res.Runs, res.Next != "", err
	}, func(r *api.Run) *Run { return c.run(r) })
}

// pages yields what comes in pages. read returns one and whether there are more.
func pages[R, T any](read func() ([]R, bool, error), made func(*R) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for more := true; more; {
			var page []R
			var err error
			if page, more, err = read(); err != nil {
				var none T
				yield(none, wrap(err))
				return
			}
			for i := range page {
				if !yield(made(&page[i]), nil) {
					return
				}
			}
		}
	}
}

// first returns the newest run that matches; ErrNotFound with a text if there is none.
func (c *Client) first(ctx context.Context, f RunFilter, none string) (*Run, error) {
	for r, err := range c.runs(ctx, f, 1) {
		return r, err
	}
	return nil, wrap(fault.New(fault.NotFound, "%s", none).On(c.home))
}

// LatestRun returns the newest run of a flow. ErrNotFound if there is none.
func (c *Client) LatestRun(ctx context.Context, flow string) (*Run, error) {
	return c.first(ctx, RunFilter{Flow: flow}, "there are no runs of a flow "+flow)
}

// path is a path taken apart.
type path struct {
	service.Pathspec
	artifact string
}

// parse reads a path that goes down to a level: 1 run, 2 step, 3 task, 4 artifact.
func parse(text string, level int) (path, error) {
	names := []string{"", "RUN", "RUN/STEP", "RUN/STEP/TASK", "RUN/STEP/TASK/ARTIFACT"}
	bad := func() (path, error) {
		return path{}, wrap(fault.New(fault.Usage, "%q is not a path of the form [FLOW/]%s", text, names[level]))
	}
	var p path
	rest := text
	if level == 4 {
		i := strings.LastIndexByte(text, '/')
		if i < 0 || i == len(text)-1 {
			return bad()
		}
		rest, p.artifact = text[:i], text[i+1:]
	}
	spec, err := service.ParsePathspec(rest)
	depth := 1
	if spec.Step != "" {
		depth++
	}
	if spec.Task >= 0 {
		depth++
	}
	if err != nil || depth != min(level, 3) {
		return bad()
	}
	p.Pathspec = spec
	return p, nil
}

// Run returns a run by its path, "MyFlow/12" or "12". ErrNotFound, ErrNamespace, ErrInvalid.
func (c *Client) Run(ctx context.Context, path string) (*Run, error) {
	p, err := parse(path, 1)
	if err != nil {
		return nil, err
	}
	return c.runOf(ctx, p)
}

// RunByID returns a run by its number. ErrNotFound, ErrNamespace.
func (c *Client) RunByID(ctx context.Context, id int64) (*Run, error) {
	r, err := api.Ask[api.Run](ctx, c.caller(), "run", api.RunRequest{Run: id})
	if err != nil {
		return nil, wrap(err)
	}
	run := c.run(&r)
	if !run.HasTag(c.namespace) && c.namespace != "" {
		return nil, outside("run "+run.Path(), c.namespace)
	}
	return run, nil
}

func (c *Client) runOf(ctx context.Context, p path) (*Run, error) {
	r, err := c.RunByID(ctx, p.Run)
	if err != nil {
		return nil, err
	}
	if err := p.In(r.Flow); err != nil {
		return nil, wrap(err)
	}
	return r, nil
}

// Step returns a step by its path, "MyFlow/12/train" or "12/train". ErrNotFound if the run has
// no tasks of it; ErrNamespace, ErrInvalid.
func (c *Client) Step(ctx context.Context, path string) (*Step, error) {
	p, err := parse(path, 2)
	if err != nil {
		return nil, err
	}
	r, err := c.runOf(ctx, p)
	if err != nil {
		return nil, err
	}
	return r.Step(ctx, p.Step)
}

// Task returns a task by its path, "MyFlow/12/train/3" or "12/train/3". ErrNotFound, ErrNamespace, ErrInvalid.
func (c *Client) Task(ctx context.Context, path string) (*Task, error) {
	p, err := parse(path, 3)
	if err != nil {
		return nil, err
	}
	return c.taskOf(ctx, p)
}

func (c *Client) taskOf(ctx context.Context, p path) (*Task, error) {
	r, err := c.runOf(ctx, p)
	if err != nil {
		return nil, err
	}
	t, err := r.Task(ctx, p.Pathspec.Task)
	if err == nil && t.Step != p.Pathspec.Step {
		return nil, wrap(fault.New(fault.NotFound, "task %d of run %d is of the step %s, not of %s", t.ID, r.ID, t.Step, p.Pathspec.Step))
	}
	return t, err
}

// Artifact returns an artifact by its path, "MyFlow/12/train/3/loss". ErrNotFound, ErrNamespace, ErrInvalid.
func (c *Client) Artifact(ctx context.Context, path string) (*Artifact, error) {
	p, err := parse(path, 4)
	if err != nil {
		return nil, err
	}
	t, err := c.taskOf(ctx, p)
	if err != nil {
		return nil, err
	}
	return t.Artifact(ctx, p.artifact)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
