"""Arrays of pixels as PNG, without a library."""

from struct import pack
from zlib import compress, crc32

#: Bytes of a pixel → how PNG calls that.
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}


def encode_array(array):
    """A PNG of an array of height × width, or height × width × 1 to 4 channels (grey, grey and alpha, RGB, RGBA).

    Bytes are taken as they are; booleans are black and white; other numbers are 0 to 1, or if some are above that, 0 to
    255, and NaN is 0.
    """
    shape = array.shape
    if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[2] not in _COLOURS):
        raise ValueError("an array of the shape %s is no picture: height × width, or that × 1 to 4" % (tuple(shape),))
    channels = shape[2] if len(shape) == 3 else 1
    kind = str(array.dtype)
    if kind == "bool":
        array = array * 255
    elif kind != "uint8":
        array = array.astype("float64")  # a copy; and a small type of integers has no 255
        array[array != array] = 0
        if array.max() <= 1:
            array *= 255
        array = array.clip(0, 255).round()
    data = array.astype("uint8").tobytes()
    width = shape[1] * channels
    rows = b"".join(b"\0" + data[start : start + width] for start in range(0, len(data), width))
    head = pack(">IIBBBBB", shape[1], shape[0], 8, _COLOURS[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", compress(rows)) + _chunk(b"IEND", b"")


def _chunk(name, data):
    return pack(">I", len(data)) + name + data + pack(">I", crc32(name + data))
