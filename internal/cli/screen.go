package cli

import (
	"slices"
	"strconv"
)

// screen draws a block of lines at the bottom of what a terminal shows, and takes
// it away again. It only composes what to write; after each draw the cursor is at the start of
// the line under the block.
//
// A terminal that becomes narrower wraps the lines that are already there, so
// how many rows to go up is counted with the width that the terminal has then.
type screen struct {
	size          func() (columns, rows int)
	columns, rows int
	drawn         []string // the lines of the block that is there
	buf           []byte
}

// measure reads the size of the terminal.
func (s *screen) measure() (columns, rows int) {
	s.columns, s.rows = s.size()
	if s.columns <= 0 {
		s.columns = 80
	}
	if s.rows <= 0 {
		s.rows = 24
	}
	return s.columns, s.rows
}

// draw returns what to write to print lines, each with its newline, above the block and
// to have block instead of the one that is there; nothing if that changes nothing. The result
// is valid until the next call.
func (s *screen) draw(lines []byte, block []string) []byte {
	if len(lines) == 0 && slices.Equal(block, s.drawn) {
		return nil
	}
	b := s.buf[:0]
	if up := s.height(); up > 0 {
		b = append(b, "\r\x1b["...)
		b = strconv.AppendInt(b, int64(up), 10)
		b = append(b, "A\x1b[J"...)
	}
	b = append(b, lines...)
	s.drawn = s.drawn[:0]
	for _, line := range block {
		b = append(b, line...)
		b = append(b, '\n')
		s.drawn = append(s.drawn, line)
	}
	s.buf = b
	return b
}

// height is the number of rows that the block takes now.
func (s *screen) height() int {
	rows := 0
	for _, line := range s.drawn {
		rows += rowsOf(line, s.columns)
	}
	return min(rows, s.rows-1)
}

// rowsOf is the number of rows that a line takes on a terminal; a wide character is not halved at its edge.
func rowsOf(line string, columns int) int {
	rows, at := 1, 0
	for _, r := range line {
		w := runeWidth(r)
		if at+w > columns {
			rows++
			at = 0
		}
		at += w
	}
	return rows
}
