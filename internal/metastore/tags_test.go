package metastore

import (
	"strings"
	"testing"

	"github.com/levadahq/levada/internal/fault"
)

func TestCheckTagText(t *testing.T) {
	if err := CheckTagText([]string{"v1", "with space", "训练:gold", "team/a,b", "👩‍🔬", "\"quoted\"", "x=1", ""}); err != nil {
		t.Errorf("good tags: %v", err)
	}
	for tag, problem := range map[string]string{
		"\x00": "control characters", "a\nb": "line breaks", "a\tb": "control", "\x1b[2J": "control", "a\u2028b": "line breaks", "\u0085x": "control",
		" sp": "begin or end with space", "sp ": "begin or end with space", "\u00a0sp": "begin or end with space", "\n": "",
	} {
		err := CheckTagText([]string{"good", tag})
		if problem == "" {
			if err != nil {
				t.Errorf("%q: %v", tag, err)
			}
			continue
		}
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), problem) || strings.ContainsAny(err.Error(), tag[:1]) && tag[0] < ' ' {
			t.Errorf("%q: %v", tag, err)
		}
	}
}
