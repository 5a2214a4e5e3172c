// Package datastore keeps values: the bytes of artifacts, foreach elements, code
// packages and definitions, under the SHA-256 of their plain bytes, so that
// the same bytes are stored once.
//
// Three places, by size. At most metastore.InlineLimit bytes: in the artifact's
// record. At most [SmallLimit]: in the database. Above: in the bucket, under
// "blobs/<2 hex>/<62 hex>" as they are or, where a sample shows that it pays,
// zstd-compressed with ".zst" appended. A read verifies the hash; a mismatch is
// a fault of kind Corrupt that names the blob, never wrong bytes.
//
// Large values come from a worker as files in a staging folder on the bucket's
// file system and are taken over by rename; they go back to a worker as a path
// where the stored file is plain, so a value of any size crosses without a copy
// in the engine's memory.
package datastore

// SmallLimit is the size in bytes up to which a blob is kept in the database.
const SmallLimit = 64 << 10
