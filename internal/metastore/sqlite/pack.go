package sqlite

import (
	"encoding/binary"
)

// packIDs encodes task ids as signed varints of the steps between them: ids that
// count up cost a byte each.
func packIDs(ids []int64) []byte {
	if len(ids) == 0 {
		return nil
	}
	b := make([]byte, 0, len(ids)+8)
	before := int64(0)
	for _, id := range ids {
		b = binary.AppendVarint(b, id-before)
		before = id
	}
	return b
}

func unpackIDs(b []byte) ([]int64, error) {
	if len(b) == 0 {
		return nil, nil
	}
	ids := make([]int64, 0, len(b))
	id := int64(0)
	for len(b) > 0 {
		d, n := binary.Varint(b)
		if n <= 0 {
			return nil, errDamaged
		}
		id += d
		ids = append(ids, id)
		b = b[n:]
	}
	return ids, nil
}
