package cli

import (
	"context"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/rpc"
)

// rpcCommand answers requests on stdin for a client in another process.
type rpcCommand struct{ bare }

func (c *rpcCommand) run(ctx context.Context, s *session) error {
	root := s.global.root
	if root == "" {
		root = s.env.variable("LEVADA_HOME")
	}
	open := func(ctx context.Context, where rpc.Where) (*rpc.Store, error) {
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
