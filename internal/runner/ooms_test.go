package runner

import (
	"slices"
	"testing"
	"time"
)

// TestWhoRanOutOfMemory: the kernel tells only how many processes it has killed.
func TestWhoRanOutOfMemory(t *testing.T) {
	type pass time.Duration
	type tells int64
	const killed = "a task is killed"
	for name, test := range map[string]struct {
		happens []any
		want    []bool // whether memory ran out, of each task that is killed
	}{
		"two at once":                      {[]any{tells(2), killed, killed, killed}, []bool{true, true, false}},
		"one of two":                       {[]any{tells(1), killed, killed}, []bool{true, false}},
		"one that takes long to end":       {[]any{pass(5 * time.Second), tells(1), pass(9 * time.Second), killed}, []bool{true}},
		"another program, long before":     {[]any{tells(1), pass(20 * time.Second), killed}, []bool{false}},
		"another program, and then a task": {[]any{tells(1), pass(time.Minute), tells(2), killed, killed}, []bool{true, false}},
		"nothing tells":                    {[]any{killed}, []bool{false}},
	} {
		kernel, now := int64(0), time.Time{}
		if name == "nothing tells" {
			kernel = -1
		}
		o := ooms{kills: func() int64 { return kernel }}
		o.begin(now)
		var got []bool
		for _, what := range test.happens {
			switch what := what.(type) {
			case tells:
				kernel = int64(what)
			case pass:
				for end := now.Add(time.Duration(what)); now.Before(end); {
					now = now.Add(time.Second)
					o.forget(now)
				}
			default:
				got = append(got, o.one())
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}
