package cli

import (
	"context"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/rpc"
	"github.com/levadahq/levada/internal/webclient"
)

// rpcCommand answers requests on stdin for a client in another process.
type rpcCommand struct {
	bare
	server string
}

func (c *rpcCommand) options() table {
	return table{{name: "server", metavar: "URL", set: text(&c.server),
		help: "The server for requests that do not name a store. Default: LEVADA_SERVER; without it, the store in a folder is read."}}
}

func (c *rpcCommand) run(ctx context.Context, s *session) error {
	root, usual := s.global.root, c.server
	if root == "" && usual == "" {
		usual = s.env.variable("LEVADA_SERVER")
	}
	if root == "" {
		root = s.env.variable("LEVADA_HOME")
	}
	open := func(ctx context.Context, where rpc.Where) (*rpc.Store, error) {
		if where.URL == "" && where.Home == "" {
			where.URL = usual
		}
		if where.URL != "" {
			server, err := webclient.New(where.URL)
			if err != nil {
				return nil, err
			}
			return &rpc.Store{API: server, Gone: func() bool { return false }, Close: server.Close}, nil
		}
		home := Home{Dir: s.env.Dir, Path: where.Home, Need: ExistingStore}
		switch {
		case where.Home != "":
		case where.Dir != "":
			home.Dir = where.Dir
		default:
			home.Path = root
		}
		if where.Write {
			home.Need = ChangeStore
		}
		st, err := s.env.Open(ctx, home)
		if err != nil {
			return nil, err
		}
		return &rpc.Store{API: st.API, Home: st.Path, Gone: st.Gone, Close: st.Close}, nil
	}
	done := make(chan error, 1)
	go func() { done <- rpc.Serve(ctx, s.env.Stdin, s.env.Stdout, s.env.Version, open) }()
	select {
	case err := <-done:
		if fault.Is(err, fault.Invalid) {
			return &failure{headline: "Not a request", kind: fault.Usage, text: err.Error()}
		}
		return err
	case <-ctx.Done(): // a signal; the reading of stdin does not end by itself
		return nil
	}
}
