package cli

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pager is a reader that can be paused.
type pager struct {
	goOn chan struct{} // a pager reads while it can receive from it
	text bytes.Buffer
}

func (p *pager) Write(b []byte) (int, error) {
	<-p.goOn
	return p.text.Write(b)
}

// lines appends n lines of a kibibyte and returns them.
func lines(o *outlet, n int) string {
	var all strings.Builder
	for i := range n {
		line := strings.Repeat(string(rune('a'+i%26)), 1023) + "\n"
		all.WriteString(line)
		o.append(func(b []byte) []byte { return append(b, line...) })
	}
	return all.String()
}

func TestOutletWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{goOn: make(chan struct{})}
		o := newOutlet(p)
		said := make(chan string)
		go func() { said <- lines(o, 3000) }()
		synctest.Wait()
		select {
		case <-said:
			t.Fatal("three megabytes wait, and nobody was held up")
		default:
		}
		close(p.goOn)
		want := <-said
		if !o.close() {
			t.Error("close gave up")
		}
		if p.text.String() != want {
			t.Errorf("%d bytes were said, and %d written, or others", len(want), p.text.Len())
		}
	})
}

func TestOutletThatIsHurried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{goOn: make(chan struct{})}
		o := newOutlet(p)
		said := make(chan string)
		go func() { said <- lines(o, 40_000) }()
		synctest.Wait()
		o.hurry()
		want := <-said
		if len(o.buf) > outletKept {
			t.Errorf("%d bytes wait", len(o.buf))
		}
		start := time.Now()
		if o.close() {
			t.Error("all was written, says close, to somebody who does not read")
		}
		if took := time.Since(start); took != lastWords {
			t.Errorf("it waited %s", took)
		}
		close(p.goOn)
		synctest.Wait()
		if got := p.text.String(); !strings.HasPrefix(want, got) || !strings.HasSuffix(got, "\n") {
			t.Error("what the reader got later is not how it began, in whole lines")
		}
	})
}

func TestOutletThatIsHurriedWhileItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pager{goOn: make(chan struct{})}
		o := newOutlet(p)
		lines(o, 10)
		all := make(chan bool)
		go func() { all <- o.close() }()
		time.Sleep(time.Hour)
		o.hurry()
		if <-all {
			t.Error("all was written, says close, to somebody who does not read")
		}
		close(p.goOn)
	})
}
