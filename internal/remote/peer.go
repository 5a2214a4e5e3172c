package remote

import (
	"context"
	"net"
	"sync"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/mfdata"
)

// peer is whose process is at the far end of a connection.
type peer int

const (
	stranger peer = iota // not one of the server's user and not root's, or nobody can tell
	own                  // one of the server's user, or root's, on this machine
	gone                 // one on this machine that has closed the connection, so that nobody can tell any more
)

type (
	peerKey struct{}
	userKey struct{}
)

// WithPeer is for http.Server.ConnContext. With it, the handler knows of connections from this machine
// whose they are, where the system tells.
func WithPeer(ctx context.Context, c net.Conn) context.Context {
	ctx = context.WithValue(ctx, userKey{}, sync.OnceValue(func() int {
		if uid, ok := userOf(c); ok {
			return uid
		}
		return mfdata.Somebody
	}))
	return context.WithValue(ctx, peerKey{}, sync.OnceValue(func() peer { return peerOf(c) }))
}

// UserOf returns the number of the user whose connection a request came by, [mfdata.Somebody] if that is not known, and
// nil if nothing on this system tells of connections whose they are.
func UserOf(ctx context.Context) *int {
	f, ok := ctx.Value(userKey{}).(func() int)
	if !ok || !tellsUsers {
		return nil
	}
	uid := f()
	return &uid
}

// WithoutPeer is for a request that somebody else has passed on: the connection says nothing of who made it.
func WithoutPeer(ctx context.Context) context.Context {
	ctx = context.WithValue(ctx, userKey{}, func() int { return mfdata.Somebody })
	return context.WithValue(ctx, peerKey{}, func() peer { return stranger })
}

func peerOfRequest(ctx context.Context) peer {
	if f, ok := ctx.Value(peerKey{}).(func() peer); ok {
		return f()
	}
	return stranger
}

// errGone refuses what depends on who asks for it. If that is somebody who still lives, he asks again.
var errGone = fault.New(fault.Unavailable, "the client closed the connection")
