package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
)

// transitionRate finds the figure that BenchmarkTransitions reports beside the usual ones.
var transitionRate = regexp.MustCompile(`(?m)^BenchmarkTransitions/?(\S*?)(?:-\d+)?\s.*?([0-9.e+]+) transitions/s`)

// recoveryTime finds the time of BenchmarkRecovery.
var recoveryTime = regexp.MustCompile(`(?m)^BenchmarkRecovery\S*\s+\d+\s+([0-9.e+]+) ns/op`)

// engineAlone measures the state machine without processes and without a store, by the benchmarks that it ships.
func engineAlone(ctx context.Context, b *bench) ([]row, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark(Transitions|Recovery)$",
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
	recovery := math.Inf(1) // in ns
	for _, m := range recoveryTime.FindAllStringSubmatch(string(output), -1) {
		took, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, err
		}
		recovery = min(recovery, took)
	}
	if len(best) == 0 || math.IsInf(recovery, 1) {
		return nil, errors.New("the benchmarks in internal/engine do not report transitions/s, or how long recovery takes")
	}
	var rows []row
	for _, name := range sortedKeys(best) {
		rows = append(rows, row{
			work: "engine alone, no-op executor, in memory", reach: "≥ 500,000 transitions/s",
			measured: fmt.Sprintf("%s transitions/s %s", thousands(int(best[name])), name),
			ratio:    fmt.Sprintf("%.1f", best[name]/500_000), met: verdictOf(best[name] >= 500_000),
		})
	}
	return append(rows, row{
		work: "engine alone, told of 10,000 finished tasks", reach: "≤ 50 ms",
		measured: fmt.Sprintf("%.1f ms", recovery/1e6), met: verdictOf(recovery <= 50e6),
	}), nil
}

func sortedKeys(m map[string]float64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
