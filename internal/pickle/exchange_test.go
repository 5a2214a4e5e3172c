package pickle

import (
	"encoding/base64"
	"strings"
	"testing"
)

// gap is pandas.DataFrame({"y": [1.0, nan, 3.0]}), pickled by pandas 3.1.1.
const gap = `
gAWVIwMAAAAAAACMBnBhbmRhc5SMCURhdGFGcmFtZZSTlCmBlH2UKIwEX21ncpSMHnBhbmRhcy5jb3JlLmludGVybmFscy5tYW5hZ2Vyc5SMDEJsb2NrTWFu
YWdlcpSTlIwWcGFuZGFzLl9saWJzLmludGVybmFsc5SMD191bnBpY2tsZV9ibG9ja5STlIwTbnVtcHkuX2NvcmUubnVtZXJpY5SMC19mcm9tYnVmZmVylJOU
KJYYAAAAAAAAAAAAAAAAAPA/AAAAAAAA+H8AAAAAAAAIQJSMBW51bXB5lIwFZHR5cGWUk5SMAmY4lImIh5RSlChLA4wBPJROTk5K/////0r/////SwB0lGJL
AUsDhpSMAUOUdJRSlIwIYnVpbHRpbnOUjAVzbGljZZSTlEsASwFLAYeUUpRLAoeUUpSFlF2UKIwYcGFuZGFzLmNvcmUuaW5kZXhlcy5iYXNllIwKX25ld19J
bmRleJSTlGgAjAVJbmRleJSTlH2UKIwEZGF0YZSME3BhbmRhcy5fbGlicy5hcnJheXOUjBxfX3B5eF91bnBpY2tsZV9OREFycmF5QmFja2VklJOUjA1wYW5k
YXMuYXJyYXlzlIwLU3RyaW5nQXJyYXmUk5RKHwbxBE6HlFKUaACMC1N0cmluZ0R0eXBllJOUjAZweXRob26UR3/4AAAAAAAAhpRSlIwWbnVtcHkuX2NvcmUu
bXVsdGlhcnJheZSMDF9yZWNvbnN0cnVjdJSTlGgQjAduZGFycmF5lJOUSwCFlEMBYpSHlFKUKEsBSwGFlGgSjAJPOJSJiIeUUpQoSwOMAXyUTk5OSv////9K
/////0s/dJRiiV2UjAF5lGF0lGKGlGKMBG5hbWWUTnWGlFKUaCdoAIwKUmFuZ2VJbmRleJSTlH2UKGhMTowFc3RhcnSUSwCMBHN0b3CUSwOMBHN0ZXCUSwF1
hpRSlGWGlFKUjARfdHlwlIwJZGF0YWZyYW1llIwJX21ldGFkYXRhlF2UjAVhdHRyc5R9lIwGX2ZsYWdzlH2UjBdhbGxvd3NfZHVwbGljYXRlX2xhYmVsc5SI
c3ViLg==`

// A row of a single missing value is a row all the same: readers of CSV skip lines of nothing.
func TestCSVOfOneColumnWithAGap(t *testing.T) {
	data, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(gap, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	file, _, ok := CSV(decode(t, string(data)), DefaultMemory)
	if want := "y\n1.0\n\"\"\n3.0\n"; !ok || string(file) != want {
		t.Errorf("%q, %v, not %q", file, ok, want)
	}
}
