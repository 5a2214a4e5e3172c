package pickle

import (
	"math"
	"testing"
)

func TestArrayFloat(t *testing.T) {
	for _, c := range []struct {
		a    Array
		want []float64
	}{
		{Array{Kind: 'b', Size: 1, Data: []byte{0, 1}}, []float64{0, 1}},
		{Array{Kind: 'i', Size: 2, Data: []byte{0xff, 0xff, 0x02, 0x01}}, []float64{-1, 258}},
		{Array{Kind: 'u', Size: 2, Big: true, Data: []byte{0xff, 0xff, 0x02, 0x01}}, []float64{65535, 513}},
		{Array{Kind: 'f', Size: 2, Data: []byte{0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00, 0xff, 0x7b}}, []float64{1, -2, 5.960464477539063e-08, 65504}},
		{Array{Kind: 'f', Size: 4, Big: true, Data: []byte{0x3f, 0x80, 0, 0}}, []float64{1}},
		{Array{Kind: 'f', Size: 8, Data: []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 9}}, []float64{1}},
	} {
		for i, want := range c.want {
			if got := c.a.Float(i); got != want {
				t.Errorf("%c%d: element %d is %v, want %v", c.a.Kind, c.a.Size, i, got, want)
			}
		}
		for _, i := range []int{-1, len(c.want)} {
			if got := c.a.Float(i); !math.IsNaN(got) {
				t.Errorf("%c%d: element %d is %v", c.a.Kind, c.a.Size, i, got)
			}
		}
	}
}
