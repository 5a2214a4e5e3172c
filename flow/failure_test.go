package flow

import "testing"

func TestPermanentOfNothingIsNothing(t *testing.T) {
	if err := Permanent(nil); err != nil {
		t.Errorf("%#v", err)
	}
}
