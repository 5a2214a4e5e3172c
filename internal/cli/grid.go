package cli

import (
	"slices"
	"strings"
)

// column is a column of a grid.
type column struct {
	title string
	least int // columns of the terminal that it may be cut to; 0: it is not cut
	spare int // how dispensable it is: where there is no room, the largest is left out first
}

// gridGap is the space between two columns.
const gridGap = 2

// grid lays rows out in columns below their titles. On a narrow terminal it leaves out the columns that are empty, cuts
// those that may be cut, those on the right first, then leaves out the dispensable ones, of equals the one on the
// right. It returns the titles of those that had something to say, too.
func grid(columns []column, rows [][]string, width int) (table string, missing []string) {
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	rows = append([][]string{titles}, rows...)
	widths := make([]int, len(columns))
	empty := make([]bool, len(columns))
	for r, row := range rows {
		rows[r] = make([]string, len(row))
		for i, cell := range row {
			rows[r][i] = oneLine(cell)
			widths[i] = max(widths[i], textWidth(rows[r][i]))
			empty[i] = r == 0 || empty[i] && cell == ""
		}
	}
	full := slices.Clone(widths)
	shown := make([]int, len(columns))
	for i := range shown {
		shown[i] = i
	}
	excess := func() int {
		sum := -gridGap
		for _, i := range shown {
			sum += widths[i] + gridGap
		}
		return sum - width
	}
	for i := len(columns) - 1; i >= 0 && len(shown) > 2 && excess() > 0; i-- {
		if empty[i] {
			shown = slices.Delete(shown, i, i+1) // those after it may be gone, those before it are there
		}
	}
	for _, i := range slices.Backward(shown) {
		if over := excess(); over > 0 && columns[i].least > 0 {
			widths[i] = max(min(columns[i].least, widths[i]), widths[i]-over)
		}
	}
	gone := make([]bool, len(columns))
	for len(shown) > 2 && excess() > 0 {
		least := len(shown) - 1
		for at := least; at >= 0; at-- {
			if columns[shown[at]].spare > columns[shown[least]].spare {
				least = at
			}
		}
		gone[shown[least]] = true
		shown = slices.Delete(shown, least, least+1)
	}
	for i, c := range columns {
		if gone[i] {
			missing = append(missing, c.title)
		}
	}
	for _, i := range shown { // what a column that was left out took is given back
		widths[i] = min(full[i], widths[i]+max(0, -excess()))
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for _, i := range shown {
			line += pad(cut(row[i], widths[i]), widths[i]+gridGap)
		}
		b.WriteString(strings.TrimRight(cut(strings.TrimRight(line, " "), width), " ") + "\n")
	}
	return b.String(), missing
}

// narrow says, dimly, which columns a table does not have for want of room; "" if it has all.
func narrow(missing []string, width int, colour bool) string {
	if len(missing) == 0 {
		return ""
	}
	style := colours(colour)
	return style.faint + cut("No room for "+strings.Join(missing, ", "), width) + style.plain + "\n"
}

// printGrid prints rows in columns.
func (s *session) printGrid(columns []column, rows [][]string) error {
	width := s.tableWidth()
	table, missing := grid(columns, rows, width)
	return s.print(table + narrow(missing, width, s.env.colour(s.env.Terminal.Stdout)))
}
