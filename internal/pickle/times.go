package pickle

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// moment is a time that is counted in units since 1970.
type moment struct {
	count int64
	unit  string         // as numpy writes it: ns, 25s
	zone  *time.Location // UTC if it has none
	zoned bool
}

// span is a span of time.
type span struct{ seconds, nano int64 }

// unitParts is how many of a unit of time are a second.
var unitParts = map[string]int64{"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}

// unitSeconds is how many seconds a longer unit is. Months and years differ in length.
var unitSeconds = map[string]int64{"s": 1, "m": 60, "h": 3600, "D": 86400, "W": 7 * 86400}

// splitUnit returns a unit without the number before it, and the number; 0 if that is none.
func splitUnit(unit string) (name string, many int64) {
	name = strings.TrimLeft(unit, "0123456789")
	if name == unit {
		return name, 1
	}
	many, err := strconv.ParseInt(unit[:len(unit)-len(name)], 10, 64)
	if err != nil {
		return name, 0
	}
	return name, many
}

// spanIn returns the span of so many units; ok is false if the unit has no fixed length, or is not known here, or there
// are too many of them.
func spanIn(count int64, unit string) (s span, ok bool) {
	name, many := splitUnit(unit)
	if parts := unitParts[name]; parts > 0 {
		if many <= 0 || count > math.MaxInt64/many || count < -math.MaxInt64/many {
			return span{}, false
		}
		count *= many
		return span{count / parts, count % parts * (1e9 / parts)}, true
	}
	seconds := unitSeconds[name]
	if seconds == 0 || many <= 0 || many > math.MaxInt32 || count > math.MaxInt64/(many*seconds) || count < -math.MaxInt64/(many*seconds) {
		return span{}, false
	}
	return span{seconds: count * many * seconds}, true
}

// time returns the time; ok is false if its unit is not known here, or its year is none from 1 to 9999: others are
// written in no common way.
func (m moment) time() (t time.Time, ok bool) {
	switch name, many := splitUnit(m.unit); name {
	case "Y", "M":
		if many <= 0 || m.count > 200_000/many || m.count < -200_000/many {
			return t, false
		}
		months := int(m.count * many)
		if name == "Y" {
			months *= 12
		}
		t = time.Date(1970, time.Month(1+months), 1, 0, 0, 0, 0, time.UTC)
	default:
		s, known := spanIn(m.count, m.unit)
		const most = 300_000_000_000 // seconds: some ten thousand years
		if !known || s.seconds > most || s.seconds < -most {
			return t, false
		}
		t = time.Unix(s.seconds, s.nano).In(m.zone)
	}
	return t, t.Year() >= 1 && t.Year() <= 9999
}

// layouts are what numpy shows of times in each unit.
var layouts = map[string]string{
	"Y": "2006", "M": "2006-01", "W": "2006-01-02", "D": "2006-01-02", "h": "2006-01-02T15", "m": "2006-01-02T15:04", "s": "2006-01-02T15:04:05",
	"ms": "2006-01-02T15:04:05.000", "us": "2006-01-02T15:04:05.000000", "ns": "2006-01-02T15:04:05.000000000",
}

// moment64 returns the text of a count of units since 1970 as numpy writes it, "" if the unit is not known here or the
// year is no common one.
func moment64(n int64, unit string) string {
	if n == math.MinInt64 {
		return "NaT"
	}
	name, _ := splitUnit(unit)
	t, ok := moment{n, unit, time.UTC, false}.time()
	if !ok {
		return ""
	}
	return t.Format(layouts[name])
}

// text writes the time as pandas' str does, with its offset if it is in a zone, and a day, month or year as numpy does;
// its number if it has no common year.
func (m moment) text() string {
	t, ok := m.time()
	if !ok {
		return strconv.FormatInt(m.count, 10)
	}
	name, _ := splitUnit(m.unit)
	layout := "2006-01-02 15:04:05" + fractionLayout(int64(t.Nanosecond()))
	switch {
	case name == "Y", name == "M", name == "W", name == "D":
		layout = layouts[name]
	case m.zoned:
		layout += "-07:00"
	}
	return t.Format(layout)
}

// rfc3339 writes the time with as many digits as its unit has; a day, a month or a year as the day that it begins with.
// Without a zone it has no offset, for nobody knows it. It is not ok if the year is no common one.
func (m moment) rfc3339() (text string, ok bool) {
	t, ok := m.time()
	if !ok {
		return "", false
	}
	name, _ := splitUnit(m.unit)
	layout := layouts[name]
	switch name {
	case "Y", "M":
		layout = "2006-01-02"
	case "h", "m":
		layout = "2006-01-02T15:04:05"
	}
	if !m.zoned {
		return t.Format(layout), true
	}
	if _, offset := t.Zone(); offset%60 != 0 { // as cities had before there were zones, and RFC 3339 has not
		t = t.UTC()
	}
	return t.Format(layout + "-07:00"), t.Year() >= 1 && t.Year() <= 9999
}

// momentText writes a time of the years that have four digits.
func momentText(t time.Time, layout string) string {
	if t.Year() < 1 || t.Year() > 9999 {
		return ""
	}
	return t.Format(layout)
}

// outsideOfYears is said of a time that has no text that all read.
const outsideOfYears = "a time outside of the years 1 to 9999"

// periodForms are the units of periods, as pandas names them, with numpy's name of the unit and what shows a period.
var periodForms = map[string][2]string{
	"M": {"M", "2006-01"}, "D": {"D", "2006-01-02"}, "h": {"h", "2006-01-02 15:04"}, "min": {"m", "2006-01-02 15:04"}, "s": {"s", "2006-01-02 15:04:05"},
	"H": {"h", "2006-01-02 15:04"}, "T": {"m", "2006-01-02 15:04"}, "S": {"s", "2006-01-02 15:04:05"}, // before pandas 2.2
}

// periodIn returns the text of the period that is so many units after 1970, "" if the unit is not known here or the
// year is no common one. A period of several units counts single ones.
func periodIn(count int64, unit string) string {
	name, _ := splitUnit(unit)
	year := func(n int64) string {
		if n < 1-1970 || n > 9999-1970 {
			return ""
		}
		return fmt.Sprintf("%04d", 1970+n)
	}
	switch {
	case strings.HasPrefix(name, "Y-"), strings.HasPrefix(name, "A-"): // whichever month ends it
		return year(count)
	case strings.HasPrefix(name, "Q-"):
		quarter := (count%4 + 4) % 4
		if text := year((count - quarter) / 4); text != "" {
			return fmt.Sprintf("%sQ%d", text, quarter+1)
		}
		return ""
	}
	form, known := periodForms[name]
	t, ok := moment{count, form[0], time.UTC, false}.time()
	if !known || !ok {
		return ""
	}
	return t.Format(form[1])
}
