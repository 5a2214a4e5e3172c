package cli

import (
	"slices"
	"strings"
)

// column is a column of a grid.
type column struct {
	title string
	least int // columns of the terminal that it may be cut to; 0: it is not cut
}

// gridGap is the space between two columns.
const gridGap = 2

// grid lays rows out in columns below their titles. On a narrow terminal it cuts the columns that may be cut, those
// on the right first, then leaves columns out from the right.
func grid(columns []column, rows [][]string, width int) string {
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	rows = append([][]string{titles}, rows...)
	widths := make([]int, len(columns))
	for r, row := range rows {
		rows[r] = make([]string, len(row))
		for i, cell := range row {
			rows[r][i] = oneLine(cell)
			widths[i] = max(widths[i], textWidth(rows[r][i]))
		}
	}
	full := slices.Clone(widths)
	shown := len(columns)
	excess := func() int {
		sum := -gridGap
		for _, w := range widths[:shown] {
			sum += w + gridGap
		}
		return sum - width
	}
	for i := len(columns) - 1; i >= 0; i-- {
		if over := excess(); over > 0 && columns[i].least > 0 {
			widths[i] = max(min(columns[i].least, widths[i]), widths[i]-over)
		}
	}
	for shown > 2 && excess() > 0 {
		shown--
	}
	for i := range shown { // what a column that was left out took is given back
		widths[i] = min(full[i], widths[i]+max(0, -excess()))
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row[:shown] {
			line += pad(cut(cell, widths[i]), widths[i]+gridGap)
		}
		b.WriteString(strings.TrimRight(cut(strings.TrimRight(line, " "), width), " ") + "\n")
	}
	return b.String()
}
