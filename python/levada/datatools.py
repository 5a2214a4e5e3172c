"""Names of the data tools that flows catch and pass around. Access to S3 itself comes with a later version."""

from collections import namedtuple

from .exceptions import MetaflowException


class MetaflowS3Exception(MetaflowException):
    """Something went wrong with S3."""

    headline = "S3 access failed"


class MetaflowS3NotFound(MetaflowException):
    """There is no such object."""

    headline = "S3 object not found"


class MetaflowS3AccessDenied(MetaflowException):
    """The object may not be read or written."""

    headline = "S3 access denied"


class MetaflowS3URLException(MetaflowException):
    """The address does not name an object."""

    headline = "Invalid address"


class MetaflowS3InvalidObject(MetaflowException):
    """The value cannot be stored."""

    headline = "Not a string-like object"


class MetaflowS3InvalidRange(MetaflowException):
    """The object does not have those bytes."""

    headline = "S3 invalid range"


class MetaflowS3InsufficientDiskSpace(MetaflowException):
    """There is no room for what is fetched."""

    headline = "Insufficient disk space"


class MetaflowLocalURLException(MetaflowException):
    """The address does not name a local file."""

    headline = "Invalid path"


class MetaflowLocalNotFound(MetaflowException):
    """There is no such local file."""

    headline = "Local object not found"


#: A part of an object that was fetched.
RangeInfo = namedtuple("RangeInfo", "total_size request_offset request_length", defaults=(0, -1))
#: A part of an object to fetch.
S3GetObject = namedtuple("S3GetObject", "key offset length")
#: An object to store.
S3PutObject = namedtuple(
    "S3PutObject", "key value path content_type encryption metadata", defaults=(None, None, None, None, None)
)


def read_in_chunks(dst, src, src_sz, max_chunk_size):
    """Copy ``src_sz`` bytes from one file object to another, at most ``max_chunk_size`` at once."""
    while src_sz > 0:
        data = src.read(min(src_sz, max_chunk_size))
        if not data:
            return
        dst.write(data)
        src_sz -= len(data)
