package convert_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/convert"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/pickle"
)

// vector is a line of testdata/values.jsonl, see testdata/generate.py.
type vector struct {
	Name     string
	Protocol int
	Pickle   []byte
	Codec    string
	Data     []byte
	Refused  string
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/values.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for line := range bytes.Lines(text) {
		var v vector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

var plain = []string{"json", "file", "npy", "csv"}

func TestPythonsValues(t *testing.T) {
	for _, v := range vectors(t) {
		got, err := convert.To(convert.Value{Codec: "pickle", Data: v.Pickle}, plain)
		switch {
		case v.Refused != "":
			if err == nil || !strings.Contains(err.Error(), v.Refused) {
				t.Errorf("%s, protocol %d: %q, %v, want a refusal with %q", v.Name, v.Protocol, got.Data, err, v.Refused)
			}
		case err != nil || got.Codec != v.Codec:
			t.Errorf("%s, protocol %d: %s, %v, want %s", v.Name, v.Protocol, got.Codec, err, v.Codec)
		case v.Codec == "npy":
			if want, have := elements(v.Data), elements(got.Data); want != have {
				t.Errorf("%s, protocol %d: %s, want %s", v.Name, v.Protocol, have, want)
			}
		case !bytes.Equal(got.Data, v.Data):
			t.Errorf("%s, protocol %d: %q, want %q", v.Name, v.Protocol, got.Data, v.Data)
		}
	}
}

// elements is an npy file without what may differ: the blanks in its header.
func elements(file []byte) string {
	n := int(binary.LittleEndian.Uint16(file[8:]))
	return strings.Join(strings.Fields(string(file[10:10+n])), "") + base64.StdEncoding.EncodeToString(file[10+n:])
}

// A refusal tells what to write in Python instead, for what it is that is refused.
func TestWhatToDoInstead(t *testing.T) {
	want := map[string]string{
		"frame of a time after the years":     `frame["t"] = frame["t"].astype(str)`,
		"frame of odd types":                  `frame["p"] = frame["p"].astype(str)`,
		"frame without a name":                "frame.columns = frame.columns.map(str)",
		"frame with names on two levels":      `"_".join(map(str, names)) for names in frame.columns`,
		"frame with names that fall together": "frame.rename(columns={...})",
		"frame in a dict":                     `frame.to_dict("records")`,
		"structured array of bytes":           "pandas.DataFrame(array)",
		"structured array of two dimensions":  "array.tolist()",
		"masked array":                        "array.filled(0)",
		"array of complex numbers":            "array.real and array.imag",
		"complex array in a dict":             "array.real and array.imag",
		"array of odd objects":                "convert it to one of these in an earlier step",
		"times of a picosecond":               "array.astype(str).tolist()",
		"time after the years":                "str(value), in a step before",
		"huge number":                         "hex(value)",
		"series of weeks":                     "series.astype(str).tolist()",
		"series of complex numbers":           "series.astype(str).tolist()",
		"index of pairs":                      "index.to_frame()",
		"huge range":                          "store numbers as an array of numpy's",
		"data class":                          "dataclasses.asdict(value) of a data class",
		"enum":                                "value.value of an enum",
		"complex number of numpy's":           "[value.real, value.imag]",
		"nan":                                 "put None in its place",
		"key":                                 "{str(key): value for key, value in a.items()}",
		"half of a character":                 `text.encode(errors="replace")`,
		"frame of halves of characters":       `frame["t"] = frame["t"].str.encode("utf-8", "replace")`,
		"set":                                 "sorted(value)",
	}
	seen := map[string]bool{}
	for _, v := range vectors(t) {
		do, ok := want[v.Name]
		if !ok {
			continue
		}
		seen[v.Name] = true
		_, err := convert.To(convert.Value{Codec: "pickle", Data: v.Pickle}, plain)
		if hint := fault.HintOf(err); !strings.Contains(hint, do) || !strings.Contains(hint, "languages can exchange") {
			t.Errorf("%s, protocol %d: %q, want %q", v.Name, v.Protocol, hint, do)
		}
	}
	if len(seen) != len(want) {
		t.Errorf("only %d of %d values are there", len(seen), len(want))
	}
}

// Matrices and tensors of packages that are not read here are named as their users know them.
func TestWhatToDoWithTensors(t *testing.T) {
	for class, want := range map[string][2]string{
		"ctorch._utils\n_rebuild_tensor_v2\n":  {"torch.Tensor", "tensor.numpy(force=True)"},
		"cscipy.sparse._csr\ncsr_matrix\n":     {"scipy.sparse._csr.csr_matrix", "matrix.tocoo()"},
		"csklearn.linear_model\nLinearModel\n": {"sklearn.linear_model.LinearModel", "vars(value)"},
	} {
		_, err := convert.To(convert.Value{Codec: "pickle", Data: []byte(class + "(tR.")}, plain)
		if err == nil || !strings.Contains(err.Error(), want[0]) || !strings.Contains(fault.HintOf(err), want[1]) {
			t.Errorf("%q: %v: %s, want %q", class, err, fault.HintOf(err), want)
		}
	}
}

func TestWhatIsAcceptedStays(t *testing.T) {
	v := convert.Value{Codec: "gob", Type: "main.T", Data: []byte{1}}
	if got, err := convert.To(v, []string{"json", "gob"}); err != nil || got.Codec != "gob" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := convert.To(v, plain); err == nil || !strings.Contains(err.Error(), "main.T") {
		t.Errorf("a gob for another language: %v", err)
	}
}

// Lists that share their parts are as large as they are, not as large as they look.
func TestSharedPartsCostNothing(t *testing.T) {
	value := any(int64(1))
	for range 100 {
		value = &pickle.List{Items: []pickle.Value{value, value}}
	}
	data, err := pickle.Encode(value)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := convert.To(convert.Value{Codec: "pickle", Data: data}, plain); err == nil {
		t.Error("2^100 elements were written as JSON")
	}
}

// A value may be plain data and yet be too large to be read.
func TestTooLarge(t *testing.T) {
	data := "\x80\x02](" + strings.Repeat("]", 5_000_000) + "e."
	_, err := convert.To(convert.Value{Codec: "pickle", Type: "list", Data: []byte(data)}, plain)
	if err == nil || !strings.Contains(err.Error(), "a list that is too large") || !strings.Contains(fault.HintOf(err), "an array of numpy's") {
		t.Errorf("%v: %s", err, fault.HintOf(err))
	}
}

func FuzzTo(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.Pickle)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		late := time.AfterFunc(20*time.Second, func() { panic("it takes too long") })
		defer late.Stop()
		got, err := convert.To(convert.Value{Codec: "pickle", Data: data}, plain)
		if err == nil && got.Codec == "json" && !json.Valid(got.Data) {
			t.Errorf("not JSON: %q", got.Data)
		}
	})
}
