// Command bench measures Levada against what it replaces and against what the machine allows, and prints a table.
//
// See README.md beside it for what each row means. Nothing is asserted: the exit code is 0 unless something
// that is measured fails to run.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"
)

// workers is how many tasks run at a time, in Levada and on the floor. The
// reference is left at its own default, which is more.
const workers = 2

// topics are all there is to measure, in the order of the table. To add a row, add it to a topic's file, or add a
// file with a topic and name it here.
var topics = []topic{
	{"hello", hello},
	{"foreach", foreach},
	{"foreach-large", foreachLarge},
	{"items", items},
	{"blob-bytes", blobOf("bytes")},
	{"blob-numpy", blobOf("numpy")},
	{"inherited", inherited},
	{"resume", resume},
	{"collect", collect},
	{"client", client},
	{"history", history},
	{"recording", recording},
	{"server", serverPages},
	{"page", runPage},
	{"go", goFlow},
	{"go-in-process", goInside},
	{"engine", engineAlone},
}

func main() {
	os.Exit(run())
}

func run() int {
	only := flag.String("only", "", "measure only topics whose name matches this regular expression")
	quick := flag.Bool("quick", false, "smaller sizes and fewer repetitions: to see that it runs")
	noReference := flag.Bool("no-reference", false, "leave Metaflow out (and do not install it)")
	out := flag.String("out", "", "also write the table to this file")
	levada := flag.String("levada", "", "measure this binary instead of building one")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: go run ./bench [flags]\ntopics:")
		for _, t := range topics {
			fmt.Fprintf(flag.CommandLine.Output(), " %s", t.name)
		}
		fmt.Fprintln(flag.CommandLine.Output())
		flag.PrintDefaults()
	}
	flag.Parse()
	selected, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		flag.Usage()
		return 2
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	b, err := setUp(ctx, options{quick: *quick, reference: !*noReference, levada: *levada})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	defer b.close()

	began := time.Now()
	var rows []row
	failed := false
	for _, t := range topics {
		if !selected.MatchString(t.name) || ctx.Err() != nil {
			continue
		}
		b.logf("%s", t.name)
		measured, err := t.measure(ctx, b)
		rows = append(rows, measured...)
		if err != nil {
			failed = true
			b.logf("%s failed: %v", t.name, err)
			rows = append(rows, row{work: t.name, measured: "failed to run: " + firstLine(err.Error())})
		}
	}

	var w io.Writer = os.Stdout
	if *out != "" {
		file, err := os.Create(*out)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			return 1
		}
		defer file.Close()
		w = io.MultiWriter(os.Stdout, file)
	}
	fmt.Fprintf(w, "%s\n\n", b.describe(ctx, time.Since(began)))
	writeTable(w, rows)
	if failed || ctx.Err() != nil {
		return 1
	}
	return 0
}
