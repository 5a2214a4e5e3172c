package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

// transitionRate finds the figure that BenchmarkTransitions reports beside the usual ones.
var transitionRate = regexp.MustCompile(`(?m)^BenchmarkTransitions/?(\S*?)(?:-\d+)?\s.*?([0-9.e+]+) transitions/s`)

// engineAlone measures the state machine without processes and without a store, by the benchmark that it ships.
func engineAlone(ctx context.Context, b *bench) ([]row, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkTransitions",
		"-count", strconv.Itoa(b.size(3, 1)), "./internal/engine")
	cmd.Dir = b.root
	output, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, output)
	}

	// There may be one for each shape of flow. The best of the repetitions counts, the table has a row for each.
	best := map[string]float64{}
	for _, m := range transitionRate.FindAllStringSubmatch(string(output), -1) {
		rate, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, err
		}
		best[m[1]] = max(best[m[1]], rate)
	}
	if len(best) == 0 {
		return nil, errors.New("BenchmarkTransitions in internal/engine reports no transitions/s")
	}
	var rows []row
	for _, name := range sortedKeys(best) {
		rows = append(rows, row{
			work: "engine alone, no-op executor, in memory", reach: "≥ 500,000 transitions/s",
			measured: fmt.Sprintf("%s transitions/s %s", thousands(int(best[name])), name),
			ratio:    fmt.Sprintf("%.1f", best[name]/500_000), met: verdictOf(best[name] >= 500_000),
		})
	}
	return rows, nil
}

func sortedKeys(m map[string]float64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
