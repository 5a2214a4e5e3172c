package usage

import (
	"encoding/binary"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// MaxPoints is the largest number of points in a series.
const MaxPoints = 240

// seriesVersion is the version of an encoded series, its first byte.
//
// Version 1: number of points (uvarint), then for each point the milliseconds
// since the previous one (since the start for the first; uvarint), cores used in
// that time ×1000 (uvarint), and the change of KiB (zigzag varint).
const seriesVersion = 1

// Point is one point of a series.
type Point struct {
	Millis     int64 // since the start, at the end of the time that the point stands for
	MilliCores int64 // cores used on average since the point before, ×1000
	KiB        int64 // most memory seen since the point before
}

// Series is what one attempt used over its life. When it is full it halves its
// resolution: of two points the average of the cores and the larger memory stay.
// The zero Series is not usable; see [NewSeries].
type Series struct {
	start   time.Time
	points  []Point
	stride  int // samples a point
	pending Point
	busy    time.Duration // CPU time in the pending point
	since   time.Duration // end of the last point
	n       int           // samples in the pending point
	cpu     time.Duration
	peak    int64
	source  string
}

// NewSeries returns an empty series for an attempt that started at the given time.
func NewSeries(start time.Time) *Series { return &Series{start: start, stride: 1} }

// Add takes a reading made at the given time. One that is not later than the
// previous counts for the peak and the CPU time only.
func (s *Series) Add(now time.Time, r Reading) {
	used := max(0, r.CPU-s.cpu)
	s.cpu += used
	s.busy += used
	if r.Memory > s.peak {
		s.peak = r.Memory
	}
	if s.source != SourceRSS {
		s.source = r.Source
	}
	s.pending.KiB = max(s.pending.KiB, max(0, r.Memory)>>10)
	at := now.Sub(s.start).Milliseconds()
	if at <= s.pending.Millis || at <= s.since.Milliseconds() {
		return
	}
	s.pending.Millis = at
	s.pending.MilliCores = milliCores(s.busy, at-s.since.Milliseconds())
	if s.n++; s.n < s.stride {
		return
	}
	s.points = append(s.points, s.pending)
	s.since = time.Duration(at) * time.Millisecond
	s.pending, s.busy, s.n = Point{}, 0, 0
	if len(s.points) == MaxPoints {
		s.halve()
	}
}

func milliCores(busy time.Duration, millis int64) int64 {
	if millis <= 0 {
		return 0
	}
	return busy.Milliseconds() * 1000 / millis
}

func (s *Series) halve() {
	var before int64
	half := s.points[:0]
	for i := 0; i+1 < len(s.points); i += 2 {
		a, b := s.points[i], s.points[i+1]
		busy := a.MilliCores*(a.Millis-before) + b.MilliCores*(b.Millis-a.Millis)
		half = append(half, Point{b.Millis, busy / (b.Millis - before), max(a.KiB, b.KiB)})
		before = b.Millis
	}
	s.points = half
	s.stride *= 2
}

// Peak returns the largest memory of any reading, in bytes.
func (s *Series) Peak() int64 { return s.peak }

// Source returns how the memory was got, or "" without readings.
func (s *Series) Source() string { return s.source }

// Points returns the points so far.
func (s *Series) Points() []Point {
	points := append([]Point(nil), s.points...)
	if s.n > 0 {
		points = append(points, s.pending)
	}
	return points
}

// Encode returns the series in its stored form, nil without points.
func (s *Series) Encode() []byte { return encodePoints(s.Points()) }

func encodePoints(points []Point) []byte {
	if len(points) == 0 {
		return nil
	}
	out := make([]byte, 0, 4+6*len(points))
	out = append(out, seriesVersion)
	out = binary.AppendUvarint(out, uint64(len(points)))
	var before Point
	for _, p := range points {
		out = binary.AppendUvarint(out, uint64(p.Millis-before.Millis))
		out = binary.AppendUvarint(out, uint64(p.MilliCores))
		out = binary.AppendVarint(out, p.KiB-before.KiB)
		before = p
	}
	return out
}

// DecodeSeries returns the points of an encoded series. It fails with a fault of
// kind Corrupt if the bytes are not one.
func DecodeSeries(data []byte) ([]Point, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if data[0] != seriesVersion {
		return nil, fault.New(fault.Corrupt, "the usage series has version %d, this Levada knows %d", data[0], seriesVersion).
			Do("Read it with the Levada that wrote it, or a newer one.")
	}
	d := varints{rest: data[1:]}
	n := d.uint()
	if n > MaxPoints {
		d.bad = true
	}
	var points []Point
	var p Point
	for i := uint64(0); i < n && !d.bad; i++ {
		// Sums wrap on hostile input and are then found negative.
		step, cores, change := d.uint(), d.uint(), d.int()
		p = Point{p.Millis + int64(step), int64(cores), p.KiB + change}
		if int64(step) < 0 || p.Millis < 0 || p.MilliCores < 0 || p.KiB < 0 {
			d.bad = true
		}
		points = append(points, p)
	}
	if d.bad || len(d.rest) > 0 {
		return nil, fault.New(fault.Corrupt, "the usage series is damaged")
	}
	return points, nil
}

type varints struct {
	rest []byte
	bad  bool
}

func (d *varints) uint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *varints) int() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}
