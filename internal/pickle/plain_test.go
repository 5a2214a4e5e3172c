package pickle

import (
	"testing"
	"time"
)

// pandasCall is what a pickle has of a value that a function of pandas' makes.
func pandasCall(module, name string, args ...Value) *Object {
	return &Object{Func: &Global{"pandas._libs.tslibs." + module, name}, Args: args}
}

func TestMomentsOfPandas(t *testing.T) {
	utc := &Object{Func: &Global{"datetime", "timezone"}, Args: []Value{&Object{Func: &Global{"datetime", "timedelta"}}}}
	west := time.FixedZone("", -3600)
	for _, test := range []struct {
		name string
		v    *Object
		want time.Time
		ok   bool
	}{
		{"without a zone", pandasCall("timestamps", "_unpickle_timestamp", int64(1577836800), nil, nil, int64(7)), time.Date(2020, 1, 1, 0, 0, 0, 0, west), true},
		{"in UTC", pandasCall("timestamps", "_unpickle_timestamp", int64(1577836800123456789), nil, utc, int64(10)), time.Date(2020, 1, 1, 0, 0, 0, 123456789, time.UTC), true},
		{"before pandas 2", pandasCall("timestamps", "_unpickle_timestamp", int64(-1), nil, utc), time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC), true},
		{"in a zone that is not known", pandasCall("timestamps", "_unpickle_timestamp", int64(1), nil, "Mars", int64(10)), time.Time{}, false},
		{"in a unit that is not known", pandasCall("timestamps", "_unpickle_timestamp", int64(1), nil, nil, int64(3)), time.Time{}, false},
		{"none", pandasCall("nattype", "_nat_unpickle", nil), time.Time{}, false},
	} {
		if got, ok := Moment(test.v, west); ok != test.ok || ok && !got.Equal(test.want) {
			t.Errorf("%s: %v, %v, want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func TestDurationsOfPandas(t *testing.T) {
	for _, test := range []struct {
		name string
		v    *Object
		want time.Duration
		ok   bool
	}{
		{"seconds", pandasCall("timedeltas", "_timedelta_unpickle", int64(90), int64(7)), 90 * time.Second, true},
		{"nanoseconds", pandasCall("timedeltas", "_timedelta_unpickle", int64(-5), int64(10)), -5, true},
		{"too long for Go", pandasCall("timedeltas", "_timedelta_unpickle", int64(1e11), int64(7)), 0, false},
	} {
		if got, ok := Duration(test.v); ok != test.ok || got != test.want {
			t.Errorf("%s: %v, %v, want %v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}
