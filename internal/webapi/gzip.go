package webapi

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// AcceptsGzip reports whether the reader of an answer takes it compressed.
func AcceptsGzip(r *http.Request) bool {
	for one := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(one), ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		q, weighed := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		w, err := strconv.ParseFloat(q, 64)
		return !weighed || err == nil && w > 0
	}
	return false
}

// output is the body of an answer that is text, such as a log or a card: compressed if its reader takes
// that, which makes a log some ten times smaller. What is written reaches the reader by Flush, or by
// Close, without which it has no good end.
type output struct {
	*bufio.Writer
	packed  *gzip.Writer // nil if it is not
	control *http.ResponseController
}

// output begins the body. The header must be set. What is short, or must not take memory for compression, is not long.
func (r *request) output(long bool) *output {
	o := &output{control: http.NewResponseController(r.w)}
	to := io.Writer(r.w)
	if long {
		r.w.Header().Add("Vary", "Accept-Encoding")
	}
	if long && AcceptsGzip(r.Request) {
		r.w.Header().Set("Content-Encoding", "gzip")
		o.packed, _ = gzip.NewWriterLevel(r.w, gzip.BestSpeed)
		to = o.packed
	}
	o.Writer = bufio.NewWriter(to)
	return o
}

// Flush sends what has been written. An error means that the reader is gone.
func (o *output) Flush() error {
	if err := o.Writer.Flush(); err != nil {
		return err
	}
	if o.packed != nil {
		if err := o.packed.Flush(); err != nil {
			return err
		}
	}
	return o.control.Flush()
}

// Close ends the body.
func (o *output) Close() error {
	if err := o.Writer.Flush(); err != nil || o.packed == nil {
		return err
	}
	return o.packed.Close()
}
