package usage

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestSeriesOfAFewSeconds(t *testing.T) {
	s := NewSeries(began)
	if s.Encode() != nil || s.Peak() != 0 {
		t.Error("an empty series is not empty")
	}
	s.Add(began.Add(1500*time.Millisecond), Reading{CPU: 3 * time.Second, Memory: 10 << 20, Source: SourcePSS})
	s.Add(began.Add(2500*time.Millisecond), Reading{CPU: 3500 * time.Millisecond, Memory: 30 << 20, Source: SourcePSS})
	// The clock stood still.
	s.Add(began.Add(2500*time.Millisecond), Reading{CPU: 3500 * time.Millisecond, Memory: 40 << 20, Source: SourcePSS})
	s.Add(began.Add(3500*time.Millisecond), Reading{CPU: 3500 * time.Millisecond, Memory: 20 << 20, Source: SourcePSS})
	want := []Point{{1500, 2000, 10 << 10}, {2500, 500, 30 << 10}, {3500, 0, 40 << 10}}
	if got := s.Points(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s.Peak() != 40<<20 || s.Source() != SourcePSS {
		t.Errorf("peak %d, source %s", s.Peak(), s.Source())
	}
	got, err := DecodeSeries(s.Encode())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded %v, %v", got, err)
	}
	if n := len(s.Encode()); n > 25 {
		t.Errorf("%d bytes for three points", n)
	}
}

func TestSeriesStaysSmallAndKeepsSumAndPeak(t *testing.T) {
	for _, seconds := range []int{239, 240, 241, 500, 10_000} {
		random := rand.New(rand.NewPCG(1, uint64(seconds)))
		s := NewSeries(began)
		var cpu time.Duration
		var peak int64
		for i := 1; i <= seconds; i++ {
			cpu += time.Duration(random.IntN(4000)) * time.Millisecond
			memory := random.Int64N(1 << 34)
			peak = max(peak, memory)
			s.Add(began.Add(time.Duration(i)*time.Second), Reading{CPU: cpu, Memory: memory, Source: SourcePSS})
			if n := len(s.Points()); n > MaxPoints {
				t.Fatalf("%d points after %d samples", n, i)
			}
		}
		points, err := DecodeSeries(s.Encode())
		if err != nil {
			t.Fatal(err)
		}
		var sum, most, before int64
		for _, p := range points {
			sum += p.MilliCores * (p.Millis - before)
			most = max(most, p.KiB)
			before = p.Millis
		}
		if got := float64(sum) / 1e6; got < cpu.Seconds()*0.99-1 || got > cpu.Seconds()*1.01+1 {
			t.Errorf("%d s: the points say %.1f s of CPU, it was %v", seconds, got, cpu)
		}
		if most != peak>>10 || before != int64(seconds)*1000 {
			t.Errorf("%d s: peak %d KiB, want %d; ends at %d ms", seconds, most, peak>>10, before)
		}
		t.Logf("%d samples: %d points, %d bytes", seconds, len(points), len(s.Encode()))
	}
}

func TestDecodeSeriesRefuses(t *testing.T) {
	s := NewSeries(began)
	s.Add(began.Add(time.Second), Reading{CPU: time.Second, Memory: 1 << 20})
	good := s.Encode()
	for what, data := range map[string][]byte{
		"another version": append([]byte{9}, good[1:]...),
		"cut off":         good[:len(good)-1],
		"more behind":     append(append([]byte{}, good...), 0),
		"too many points": {1, 0xff, 0xff, 3},
		"negative memory": {1, 1, 5, 5, 3},
	} {
		if _, err := DecodeSeries(data); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzDecodeSeries(f *testing.F) {
	s := NewSeries(began)
	for i := range 300 {
		s.Add(began.Add(time.Duration(i)*time.Second), Reading{CPU: time.Duration(i) * time.Second, Memory: int64(i) << 20})
	}
	f.Add(s.Encode())
	f.Add([]byte{1, 1, 5, 5, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		points, err := DecodeSeries(data)
		if err != nil || len(points) == 0 {
			return
		}
		again, err := DecodeSeries(encodePoints(points))
		if err != nil || !reflect.DeepEqual(points, again) {
			t.Errorf("%v, then %v, %v", points, again, err)
		}
	})
}
