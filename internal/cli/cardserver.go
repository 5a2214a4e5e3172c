package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/levadahq/levada/internal/cardweb"
	"github.com/levadahq/levada/internal/fault"
)

const cardServerAbout = `A small web server for this machine alone. It follows the latest run unless one is named, and shows cards
of running tasks as they change. Ctrl-C stops it.`

// cardServer is `card server`.
type cardServer struct {
	bare
	runID     string
	port      int
	namespace *string
	poll      int
	maxCards  int
}

func newCardServer() *cardServer { return &cardServer{port: 8324, poll: 5, maxCards: 30} }

func (c *cardServer) options() table {
	return table{
		{name: "run-id", metavar: "TEXT", dest: "RUN_ID", set: text(&c.runID), help: "The run whose cards are shown. Default: always the latest."},
		{name: "port", metavar: "INTEGER", dest: "PORT", set: number(&c.port, 0), def: "8324", help: "The port to listen on; 0 chooses a free one."},
		{name: "namespace", metavar: "TEXT", dest: "NAMESPACE", set: func(v []string) error { c.namespace = &v[0]; return nil },
			help: "Only runs of this namespace; --namespace= for all. Default: your own."},
		{name: "poll-interval", metavar: "INTEGER", dest: "POLL_INTERVAL", set: number(&c.poll, 1), def: "5", help: "How often the page looks for changes, in seconds."},
		{name: "max-cards", metavar: "INTEGER", dest: "MAX_CARDS", set: number(&c.maxCards, 1), def: "30", help: "List at most this many cards of a run, the newest ones."},
	}
}

func (c *cardServer) run(ctx context.Context, s *session) error {
	o := cardweb.Options{
		Source: s.store.Service, Namespace: s.env.namespace(s.user), Poll: time.Duration(c.poll) * time.Second, MaxCards: c.maxCards,
	}
	if c.namespace != nil {
		o.Namespace = *c.namespace
	}
	if s.flow != nil {
		o.Flow = s.flow.Definition().Name
	}
	if c.runID != "" {
		p, err := s.runNamed(c.runID)
		if err != nil {
			return err
		}
		if _, err := s.store.Service.RunOf(ctx, p); err != nil {
			return err
		}
		o.Run = p.Run
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)))
	if err != nil {
		return fault.New(fault.Unavailable, "the card server cannot listen on port %d: %v", c.port, err).Do("choose another with --port; --port 0 chooses a free one")
	}
	server := &http.Server{Handler: cardweb.New(o), ReadHeaderTimeout: 10 * time.Second}
	if _, err := fmt.Fprintf(s.env.Stdout, "http://%s\n", listener.Addr()); err != nil {
		listener.Close()
		return err
	}
	s.inform("The card server is running; press Ctrl-C to stop it.")
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fault.Wrap(fault.Internal, "serve cards", err)
	case <-ctx.Done(): // Ctrl-C is how it ends well
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := server.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(fault.Internal, "stop the card server", err)
	}
	return nil
}
