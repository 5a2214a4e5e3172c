// Package remote carries the ports of a store, metastore.Store and blob.Bucket, over HTTP: [Dial] gives them to a
// program on any machine, [New] is the handler in front of the real ones. What is built on the ports (service,
// datastore, runner) does not notice.
//
// # The wire
//
// A call is a POST of one CBOR value to /store/v1/NAME. The answer is a sequence of CBOR values, of which the last says
// that it is the last, so that a truncated answer is recognised. The exception are values, whose bytes are the plain
// bodies of GET and PUT. CBOR, because most of what travels is bytes and numbers. Larger bodies are compressed. The
// first call is a hello, which compares [Protocol]: what travels are the structs of the ports, so both ends must have
// the same.
//
// # Once, and in order
//
// What a client records in the metastore goes through one queue. What has been queued travels as one numbered
// batch, and the next batch is sent only after the answer to this one. The server passes a batch on in order and
// answers when all of it is durable. So records are committed in the order in which they were queued, and Done is
// called only for what is durable.
//
// A batch whose answer was lost is sent again, with the same number, until there is an answer. It must not count twice:
//
//  1. If the server knows the batch, it has handled it or is doing so. It handles one batch of a client at a time and
//     keeps the last answer, so the repeated batch waits for the first and gets its answer.
//  2. If the server does not know it, the server was restarted. Since records are committed in order, some first part
//     of the batch may be durable. All of it is passed on again. Each write has a name, a [metastore.Mark], made of the
//     session, the number of the batch and the place in it, which the store commits together with the write. So a
//     record that was committed is not written again, and for a run that was created, that run is the answer. The end
//     of a run states the result to be reached, and may be repeated.
//
// Requests to stop and changes of tags state such a result too. They are calls like those that read: nothing that is
// queued depends on them.
//
// A write that merely equals an earlier one has another name. If it adds a task or a scope that exists, it is a
// Conflict, whether it was sent once or again. The store forgets the names of a client's batch when the client's next
// batch arrives.
//
// # Who may write
//
// On Linux, a server knows which user a connection from its own machine belongs to (peer_linux.go); of what a proxy
// passes on it does not know that. Runs that are recorded by anyone but its own user or root are marked as Foreign, and
// the server never starts anything of them.
// Whoever is not known to be that user can add records, logs and cards to Foreign runs only, and end no others.
//
// # Patience
//
// While the server is away, requests are retried at growing intervals, until it has been away for longer than the
// patience of the client; then they fail with a fault that says how to continue. Waiting is reported once (for a server
// that accepts requests but does not answer, after ten seconds), and once more when the server is back. A request in
// which nothing moves for two minutes, in either direction, is made anew (httpedge.Watch); a server that works on one
// says so meanwhile. The first request of all, the hello, does not wait: a wrong address is reported at once.
//
// # Values and files
//
// A bucket keeps what it sent or fetched in a folder of bounded size (cache.go), where tasks read it in place. Logs and
// cards of running tasks are files beside the runner. They are copied to the store's folder as they grow (mirror.go),
// and a log is complete there before the record that names it. Collections on the server spare what a client has stored
// but not recorded yet: each client is a [session], which is kept on the server's disk, like the folders of engines
// that run beside the store, and renewed while the client lives.
package remote

import (
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/levadahq/levada/internal/fault"
)

// Protocol is the version of what travels. It changes when one side would misunderstand the other; that a server does
// not know a method yet it says itself.
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

// answer is a part of an answer. Of a call with one value, parts before the last have nothing in
// them: they say that the server is at it.
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
