package preview_test

import (
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/preview"
)

func TestElement(t *testing.T) {
	for _, c := range []struct{ codec, data, want string }{
		{"json", `"a\nb"`, "a\nb"},
		{"json", `{"a":[1,2]}`, `{"a":[1,2]}`},
		{"json", `"` + strings.Repeat("ö", 40) + `"`, strings.Repeat("ö", 30)},
		{"json", `"half`, `"half`},
		{"pickle", "\x80\x05K\x07.", "7"},
		{"pickle", "\x80\x05\x8c\x02xy.", "xy"},
		{"pickle", "\x80\x05]\x8c\x01xa.", "['x']"},
		{"pickle", "\x80\x05", ""},
		{"npy", "x", ""},
	} {
		if got := preview.Element(c.codec, []byte(c.data)); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.codec, c.data, got, c.want)
		}
	}
}
