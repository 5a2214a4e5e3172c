package pickle

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// validText reports whether bytes are UTF-8, lone surrogates allowed.
func validText(b []byte) bool {
	for !utf8.Valid(b) {
		for len(b) > 0 {
			r, n := utf8.DecodeRune(b)
			if r == utf8.RuneError && n == 1 {
				break
			}
			b = b[n:]
		}
		if _, ok := surrogate(string(b[:min(3, len(b))])); !ok {
			return false
		}
		b = b[3:]
	}
	return true
}

// surrogate reads a lone surrogate from the start of a text.
func surrogate(s string) (rune, bool) {
	if len(s) < 3 || s[0] != 0xed || s[1]&0xe0 != 0xa0 || s[2]&0xc0 != 0x80 {
		return 0, false
	}
	return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), true
}

// appendRune appends a character, as three bytes if it is a surrogate.
func appendRune(b []byte, r rune) []byte {
	if r >= 0xd800 && r < 0xe000 {
		return append(b, 0xed, byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
	}
	return utf8.AppendRune(b, r)
}

// rawUnicode reads the text of protocol 0: Latin-1 with \u and \U escapes.
func rawUnicode(b []byte) (string, bool) {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+1 < len(b) {
			size := map[byte]int{'u': 4, 'U': 8}[b[i+1]]
			if size > 0 {
				if i+2+size > len(b) {
					return "", false
				}
				n, err := strconv.ParseUint(string(b[i+2:i+2+size]), 16, 32)
				if err != nil || n > unicode.MaxRune {
					return "", false
				}
				out = appendRune(out, rune(n))
				i += 1 + size
				continue
			}
		}
		out = utf8.AppendRune(out, rune(b[i]))
	}
	return string(out), true
}

// unquote reads a string literal of Python 2.
func unquote(s string) ([]byte, bool) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		return nil, false
	}
	s = s[1 : len(s)-1]
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		if i++; i == len(s) {
			return nil, false
		}
		switch c := s[i]; c {
		case '\\', '\'', '"':
			out = append(out, c)
		case 'x':
			if i+3 > len(s) {
				return nil, false
			}
			n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
			if err != nil {
				return nil, false
			}
			out = append(out, byte(n))
			i += 2
		case '0', '1', '2', '3', '4', '5', '6', '7':
			end := i + 1
			for end < len(s) && end < i+3 && s[end] >= '0' && s[end] <= '7' {
				end++
			}
			n, _ := strconv.ParseUint(s[i:end], 8, 16)
			out = append(out, byte(n))
			i = end - 1
		default:
			if at := strings.IndexByte("abfnrtv", c); at >= 0 {
				out = append(out, "\a\b\f\n\r\t\v"[at])
			} else {
				out = append(out, '\\', c)
			}
		}
	}
	return out, true
}

const hexDigits = "0123456789abcdef"

// appendText appends a str as Python's repr shows it, until it is over the limit.
func appendText(b []byte, s string, limit int) []byte {
	quote := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 && strings.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	b = append(b, quote)
	for len(s) > 0 && len(b) <= limit {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			if sur, ok := surrogate(s); ok {
				r, n = sur, 3
			} else {
				r = rune(s[0])
			}
		}
		s = s[n:]
		switch {
		case r == rune(quote) || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r >= ' ' && r < 0x7f:
			b = append(b, byte(r))
		case r > 0x7f && unicode.IsPrint(r):
			b = utf8.AppendRune(b, r)
		case r <= 0xff:
			b = append(b, '\\', 'x', hexDigits[r>>4], hexDigits[r&15])
		case r <= 0xffff:
			b = append(b, '\\', 'u')
			b = appendHex(b, uint32(r), 4)
		default:
			b = append(b, '\\', 'U')
			b = appendHex(b, uint32(r), 8)
		}
	}
	return append(b, quote)
}

func appendHex(b []byte, n uint32, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hexDigits[n>>(4*i)&15])
	}
	return b
}

// appendBytes appends a bytes object as Python's repr shows it, until it is over
// the limit. In a bytearray's a single quote is always escaped.
func appendBytes(b, s []byte, array bool, limit int) []byte {
	quote := byte('\'')
	if bytes.IndexByte(s, '\'') >= 0 && bytes.IndexByte(s, '"') < 0 {
		quote = '"'
	}
	b = append(b, 'b', quote)
	for i := 0; i < len(s) && len(b) <= limit; i++ {
		switch c := s[i]; {
		case c == quote || c == '\\' || array && c == '\'':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
		default:
			b = append(b, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(b, quote)
}

// appendFloat appends a float as Python's repr shows it.
func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case f != f:
		return append(b, "nan"...)
	case f > maxFloat:
		return append(b, "inf"...)
	case f < -maxFloat:
		return append(b, "-inf"...)
	}
	if size := math.Abs(f); size != 0 && (size < 1e-4 || size >= 1e15) { // it may have an exponent: its digits tell
		var short [32]byte
		digits := strconv.AppendFloat(short[:0], f, 'e', -1, bits)
		at := bytes.IndexByte(digits, 'e')
		exp, _ := strconv.Atoi(string(digits[at+1:]))
		if exp < -4 || exp >= 16 {
			b = append(b, digits[:at]...)
			sign := byte('+')
			if exp < 0 {
				sign, exp = '-', -exp
			}
			b = append(b, 'e', sign)
			if exp < 10 {
				b = append(b, '0')
			}
			return strconv.AppendInt(b, int64(exp), 10)
		}
	}
	before := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, bits)
	if bytes.IndexByte(b[before:], '.') < 0 {
		b = append(b, ".0"...)
	}
	return b
}

const maxFloat = 1.79769313486231570814527423731704356798070e+308
