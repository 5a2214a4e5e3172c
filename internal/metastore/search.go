package metastore

import (
	"strings"
	"unicode"
)

// mostWords of a search are looked for by themselves: each costs a look at all
// names. What comes after is one with the last.
const mostWords = 8

// Words are what a search looks for: each is to be in a run, wherever.
func Words(search string) []string {
	words := strings.Fields(search)
	if len(words) > mostWords {
		words = append(words[:mostWords-1], strings.Join(words[mostWords-1:], " "))
	}
	return words
}

// Cases are the letters that a search takes for one: it in upper and in lower case. For others than letters that
// is the character alone. ASCII and other letters are never taken for each other, as the signs for Kelvin and K
// could be: what databases do by themselves.
func Cases(r rune) []rune {
	cases := []rune{r}
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		if (r <= unicode.MaxASCII) == (other <= unicode.MaxASCII) {
			cases = append(cases, other)
		}
	}
	return cases
}
