package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// A topic measures things that belong together and share their runs.
type topic struct {
	name    string
	measure func(context.Context, *bench) ([]row, error)
}

// A row is one line of the table: one thing to reach, or one that is good to know.
type row struct {
	work     string
	reach    string // what to reach; empty if there is no aim
	measured string
	ratio    string
	met      verdict
}

// verdict says whether a row reached its aim.
type verdict string

const (
	noAim  verdict = ""
	met    verdict = "yes"
	missed verdict = "**no**"
)

// verdictOf returns met if ok is true, missed if not.
func verdictOf(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

// noReference is what a row says when the reference was not measured.
const noReference = "reference left out"

// writeTable prints the rows as a Markdown table.
func writeTable(w io.Writer, rows []row) {
	fmt.Fprintln(w, "| work | to reach | measured | ratio | met? |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	previous := ""
	for _, r := range rows {
		work := r.work
		if work == previous {
			work = "″"
		}
		previous = r.work
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s |\n", work, r.reach, r.measured, r.ratio, r.met)
	}
}

// seconds prints a duration with three digits that matter.
func seconds(d time.Duration) string {
	s := d.Seconds()
	switch {
	case s < 0.1:
		return fmt.Sprintf("%.1f ms", s*1000)
	case s < 1:
		return fmt.Sprintf("%.0f ms", s*1000)
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	default:
		return fmt.Sprintf("%.1f s", s)
	}
}

// mebibytes prints a number of bytes.
func mebibytes(bytes int64) string { return fmt.Sprintf("%d MiB", bytes>>20) }

// thousands prints a whole number with separators.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// rate prints tasks a second.
func rate(tasks int, d time.Duration) string {
	return fmt.Sprintf("%.0f tasks/s", float64(tasks)/d.Seconds())
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.ReplaceAll(line, "|", "\\|")
}
