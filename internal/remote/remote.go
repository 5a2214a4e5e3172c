// Package remote puts the ports of a store, metastore.Store and blob.Bucket, across HTTP: [Dial] gives them to a program on any
// machine, [New] is the handler in front of the real ones. What is built on the ports (service, datastore, runner) does not know.
//
// # The wire
//
// Everything is a POST of one CBOR value to /store/v1/NAME, answered by a sequence of CBOR values of which the last says that it is the
// last, so an answer that was cut is told from one that is short; but for values, whose bytes are the plain bodies of GET and PUT.
// CBOR because most of what travels are bytes and numbers. Bodies of some size are compressed. The first call is a hello, which
// compares [Protocol]: what travels are the structs of the ports, so both ends must have the same.
//
// # Once, and in order
//
// Everything that a client writes to the metastore goes through one queue; what has gathered travels as one numbered batch, and the
// next leaves only when the answer is there. The server passes a batch on in order and answers when all of it is durable. So records
// are committed in the order in which they were queued, and Done is called only for what is durable.
//
// A batch whose answer was lost is sent again, with the same number, until there is an answer. It must not count twice:
//
//  1. The server knows this batch: it handled it, or does so now. It handles one batch of a client at a time and keeps the last
//     answer, so the batch that is sent again waits for the first and gets its answer.
//  2. The server does not, because it was started anew. Any beginning of the batch may be durable, records being committed in order. All
//     of it is passed on again. The session, the number of the batch and the place in it name each write, and the store commits that
//     name, a [metastore.Mark], together with what is written. So a record that was committed is not written again, and a run that
//     was created is the one that is answered. The end of a run, requests to stop, and changes of tags say what shall be,
//     and may be said twice.
//
// A write that only looks like another has a name of its own. If it brings a task or a scope that is there, it is a Conflict,
// whether it was sent once or again. The store forgets the names of a client's batch when its next one comes.
//
// # Whose
//
// Of a connection from its own machine a server on Linux knows whose it is (peer_linux.go). Runs that are not recorded by its own user, or root,
// are marked as Foreign: it starts nothing of them. Who is not known to be that user adds records to Foreign runs alone.
//
// # Patience
//
// While the server is away, requests are tried again, slower and slower, until it has been away for the patience of the client; then they fail with a
// fault that says how to go on. Whoever waits is told once, of a server that takes requests and says nothing after ten seconds, and once more when the server is back. The first request of all,
// the hello, does not wait: a wrong address is told at once.
//
// # Values and files
//
// A bucket keeps what it sent or fetched in a folder of bounded size (cache.go), where tasks read it in place. Logs and cards of tasks
// that run are files beside the runner; they are carried to the store's folder as they grow (mirror.go), and all of a log is there before the record
// that names it. Collections of the server spare what a client stored and has not recorded yet, since each client is a [session] that is
// kept on the server's disk like the folders of engines that run beside the store, and renewed while it lives.
package remote

import (
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/levadahq/levada/internal/fault"
)

// Protocol is the version of what travels. It changes with the ports.
const Protocol = 1

// Prefix is where a server has the handler.
const Prefix = "/store/v1/"

// The sizes of what travels.
const (
	maxBatch      = 4096     // writes in a batch
	maxBatchBytes = 16 << 20 // their long parts, about
	maxBody       = 256 << 20
	chunkItems    = 256       // of a list, in one value of an answer
	compressAbove = 16 << 10  // bytes of a body
	maxBuffered   = 512 << 10 // bytes of a list that are read before any of it is passed on
)

const contentType = "application/cbor"

// encodingZstd marks a compressed body.
const encodingZstd = "zstd"

var (
	encoding = must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano}.EncMode())
	decoding = must(cbor.DecOptions{
		MaxArrayElements: 1<<31 - 1, MaxMapPairs: 1<<31 - 1, UTF8: cbor.UTF8DecodeInvalid, MaxNestedLevels: 32,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// wireFault is a fault as it travels.
type wireFault struct {
	Kind                       fault.Kind
	Op, Subject, Message, Hint string
	Cause                      *wireFault
}

func packFault(err error) *wireFault {
	if err == nil {
		return nil
	}
	f, ok := err.(*fault.Error)
	if !ok {
		return &wireFault{Kind: fault.KindOf(err), Message: err.Error(), Hint: fault.HintOf(err)}
	}
	return &wireFault{f.Kind, f.Op, f.Subject, f.Message, f.Hint, packFault(f.Cause)}
}

func (w *wireFault) unpack() error {
	if w == nil {
		return nil
	}
	f := &fault.Error{Kind: w.Kind, Op: w.Op, Subject: w.Subject, Message: w.Message, Hint: w.Hint}
	if w.Cause != nil {
		f.Cause = w.Cause.unpack()
	}
	return f
}

// answer is a part of an answer. Of a call with one value, parts before the last have nothing in them: they say that the server is at it.
type answer[T any] struct {
	Items []T
	Fault *wireFault
	Last  bool
}

// hello is what a server says of itself.
type hello struct {
	Protocol int
	Version  string
	Home     string // the store's folder there, for messages
}

// session names a client to the server, for as long as it stores something.
type session struct {
	ID    string
	Host  string
	Began time.Time // as the server told when the session was new; zero before
}
