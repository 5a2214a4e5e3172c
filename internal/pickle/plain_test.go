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

// Zones of pytz, which pandas had before its version 3, and of dateutil, which parses times.
func TestMomentsInZonesOfPackages(t *testing.T) {
	hour := &Object{Func: &Global{"datetime", "timedelta"}, Args: []Value{int64(0), int64(3600), int64(0)}}
	berlin := func(offset int64) *Object {
		return &Object{Func: &Global{"pytz", "_p"}, Args: []Value{"Europe/Berlin", offset, int64(0), ""}}
	}
	clock := func(zone *Object) *Object { // 2026-10-25 02:30, which comes twice in Berlin
		return &Object{Func: &Global{"datetime", "datetime"}, Args: []Value{Bytes("\x07\xea\x0a\x19\x02\x1e\x00\x00\x00\x00"), zone}}
	}
	at := time.Date(2026, 10, 25, 2, 30, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		v    *Object
		want time.Time
		text string
	}{
		"pytz, in summer": {clock(berlin(7200)), at.Add(-2 * time.Hour), "2026-10-25 02:30:00+02:00"},
		"pytz, in winter": {clock(berlin(3600)), at.Add(-time.Hour), "2026-10-25 02:30:00+01:00"},
		"pytz, UTC":       {clock(&Object{Func: &Global{"pytz", "_UTC"}}), at, "2026-10-25 02:30:00+00:00"},
		"pytz, fixed":     {clock(&Object{Func: &Global{"pytz", "FixedOffset"}, Args: []Value{int64(-90)}}), at.Add(90 * time.Minute), "2026-10-25 02:30:00-01:30"},
		"dateutil, UTC":   {clock(&Object{Func: &Global{"dateutil.tz.tz", "tzutc"}, New: true}), at, "2026-10-25 02:30:00+00:00"},
		"dateutil, fixed": {clock(&Object{Func: &Global{"dateutil.tz.tz", "tzoffset"}, New: true, State: &Dict{Entries: []Entry{{"_name", nil}, {"_offset", hour}}}}), at.Add(-time.Hour), "2026-10-25 02:30:00+01:00"},
		"pandas 2":        {pandasCall("timestamps", "_unpickle_timestamp", at.Unix(), nil, berlin(3600), int64(7)), at, "2026-10-25 03:30:00+01:00"},
	} {
		got, ok := Moment(test.v, time.UTC)
		if text, _ := Text(test.v); !ok || !got.Equal(test.want) || text != test.text {
			t.Errorf("%s: %v, %v, %q; want %v, %q", name, got, ok, text, test.want, test.text)
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
