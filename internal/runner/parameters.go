package runner

import (
	"bufio"
	"context"
	"io"
	"sync"
	"syscall"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
	"github.com/levadahq/levada/internal/worker"
)

// Parameters are a run's resolved parameters and the flow's constants: the artifacts of task 0.
type Parameters struct {
	Stored
	Display map[string]string // parameter name → text
}

// ParameterRequest says what to resolve.
type ParameterRequest struct {
	Values  map[string][]string // parameter name → text as given
	User    string
	Project *protocol.Project
	Staging string
	// Stdout and Stderr receive what computed defaults print.
	Stdout, Stderr io.Writer
}

// ResolveParameters has the SDK turn the texts of the command line into values. A
// text that does not fit is a fault of kind Usage.
func ResolveParameters(ctx context.Context, pool *worker.Pool, data *datastore.Store, q ParameterRequest) (*Parameters, error) {
	values := make(map[string]any, len(q.Values))
	for name, texts := range q.Values {
		if len(texts) == 1 {
			values[name] = texts[0]
		} else {
			values[name] = texts
		}
	}
	m, body, err := ask(ctx, pool, "resolves the parameters", protocol.Parameters{
		Type: "parameters", Values: values, User: q.User, DSType: "local", Project: q.Project, Staging: q.Staging,
	}, q.Stdout, q.Stderr)
	if err != nil {
		return nil, err
	}
	p := &Parameters{Display: m.Display}
	return p, p.take(ctx, data, q.Staging, m.Artifacts, &body)
}

// Defaults returns the defaults of a flow's parameters as text, computed ones evaluated,
// for the user and project of the request.
func Defaults(ctx context.Context, pool *worker.Pool, q ParameterRequest) (map[string]string, error) {
	m, _, err := ask(ctx, pool, "computes the defaults", protocol.Parameters{
		Type: "defaults", User: q.User, DSType: "local", Project: q.Project,
	}, q.Stdout, q.Stderr)
	if err != nil {
		return nil, err
	}
	return m.Display, nil
}

// ask starts a process for one question and returns its answer. purpose says what it does, for errors.
func ask(ctx context.Context, pool *worker.Pool, purpose string, question any, stdout, stderr io.Writer) (*protocol.FromTask, []byte, error) {
	exited := make(chan worker.Exit, 1)
	proc, err := pool.StartHere(ctx, worker.First{Header: question}, worker.Watch{Exited: func(e worker.Exit) { exited <- e }})
	if err != nil {
		return nil, nil, err
	}
	defer proc.Close()
	stop := context.AfterFunc(ctx, func() { proc.Signal(syscall.SIGKILL) })
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { worker.Pass(stdout, proc.Stdout) })
	wg.Go(func() { worker.Pass(stderr, proc.Stderr) })
	var m protocol.FromTask
	var body []byte
	wg.Go(func() { body, err = protocol.ReadFrame(bufio.NewReader(proc.Conn), &m) })
	exit := <-exited
	proc.Drain()
	wg.Wait()
	switch {
	case ctx.Err() != nil:
		return nil, nil, fault.Wrap(fault.Interrupted, "wait for the process that "+purpose, ctx.Err())
	case err != nil && exit.Lost != "":
		return nil, nil, fault.New(fault.Unavailable, "the process that %s is lost: %s", purpose, exit.Lost).Do("%s", exit.Hint)
	case err != nil:
		return nil, nil, fault.New(fault.UserCode, "the process that %s ended with code %d, signal %d, without an answer", purpose, exit.Code, exit.Signal)
	case m.Type == "usage":
		return nil, nil, fault.New(fault.Usage, "%s", m.Message).On(m.Parameter)
	case m.Type == "done" && !m.OK:
		e := &ParametersFailed{}
		if m.Exception != nil {
			e.Exception = metastore.Exception{Type: m.Exception.Type, Message: m.Exception.Message, Traceback: m.Exception.Traceback}
		}
		return nil, nil, e
	case m.Type != "done" && m.Type != "defaults":
		return nil, nil, fault.New(fault.Internal, "the SDK answered %q when asked for parameters", m.Type)
	}
	return &m, body, nil
}

// ParametersFailed is the error of user code that ran to compute a parameter.
type ParametersFailed struct{ Exception metastore.Exception }

// Error returns the exception's message.
func (p *ParametersFailed) Error() string { return p.Exception.Message }

// Unwrap says what kind of fault it is. The exception itself has gone to stderr.
func (p *ParametersFailed) Unwrap() error {
	return fault.New(fault.UserCode, "the values of parameters and class variables could not be computed; Python's own message is above")
}
