package fault

import "strings"

// A puts the article before the name of a type or of anything else: "a list", "an int".
func A(name string) string {
	begins := func(with ...string) bool {
		for _, prefix := range with {
			if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
				return true
			}
		}
		return false
	}
	if begins("a", "e", "i", "o", "u") && !begins("one", "uint", "uni", "use", "uuid") { // spoken as won and you are
		return "an " + name
	}
	return "a " + name
}
