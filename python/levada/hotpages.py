"""Memory that a fork copies at once, because parent or child would write to it anyway.

A fork shares all memory, and who first writes to a page of it gets a copy. That is right for nearly all pages. But
Python writes a reference count wherever it looks, so there are two or three hundred pages that every task writes to,
and the fork server as well between two forks, for each fork protects them anew. That is a page fault each, and of a
tiny task's time more than half. A page that a device may write to at any time must not move, though: such a page a
fork copies there and then, for a quarter of what the faults cost, and the parent's own stays as it is. So a few tasks
tell which pages were written to, and these are registered as buffers of an io_uring in which nothing is ever queued.

Where there is no io_uring (not Linux, a container that forbids it, too little memory may be locked) all goes on as ever.
"""

import os
import sys
from os import O_RDONLY, pread, write
from os import open as os_open

#: The forks, counted from 1, whose processes tell. A run with fewer would not earn back the effort.
SCOUTS = range(13, 16)
#: A page is hot if so many of them tell of it.
_ENOUGH = 2

#: An area of more bytes holds data, and a fork had better share that.
_AREA = 64 << 20
_IO_URING_SETUP, _IO_URING_REGISTER, _REGISTER_BUFFERS = 425, 427, 0
_SIZE_OF_PARAMS = 120
#: The upper byte of an entry of /proc/PID/pagemap to whether the page is in memory, not a file's, and mapped by no other.
_WRITTEN = bytes(byte & 0xA1 == 0x81 for byte in range(256))


class HotPages:
    """The pages that tasks and the fork server write to: told of by scouts, held by the fork server."""

    def __init__(self, libc):
        self._libc = libc
        self._areas = []  # start and end of what can be written to
        self._places = []  # in /proc/PID/pagemap: size and offset
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._left = len(SCOUTS)
        #: What scouts tell goes to this descriptor; later it is the io_uring's. -1 if there is none. No task may keep it.
        self.descriptor = -1

    def expect(self):
        """Before a scout is forked, in the fork server."""
        if self._areas or sys.platform != "linux" or sys.byteorder != "little":
            return
        with open("/proc/self/maps") as maps:
            for line in maps:
                span, access, _ = line.split(None, 2)
                start, end = (int(address, 16) for address in span.split("-"))
                if access == "rw-p" and end - start <= _AREA:
                    self._areas.append((start, end))
        self._places = [((end - start) // self._page * 8, start // self._page * 8) for start, end in self._areas]
        try:
            self.descriptor = os.memfd_create("levada-pages")
        except OSError:
            pass

    def tell(self):
        """At the end of a scout, in its own process: tell which pages were written to since it was forked."""
        # What this writes to itself counts as well, so it does little.
        try:
            pagemap = os_open("/proc/self/pagemap", O_RDONLY)
            write(self.descriptor, b"".join([pread(pagemap, size, offset) for size, offset in self._places]))
        except OSError:
            pass  # then others tell

    def ended(self):
        """When a scout has ended, in the fork server. The last one's end is when something is done about it."""
        self._left -= 1
        if self._left or self.descriptor < 0:
            return
        told = self.descriptor
        try:
            self.descriptor = self._hold(self._hot(os.pread(told, os.fstat(told).st_size, 0)))
        except OSError:
            self.descriptor = -1
        os.close(told)

    def _hot(self, told):
        """Stretches of hot pages, start and length, one after another in a list."""
        written = told[7::8].translate(_WRITTEN)
        pages = [page for start, end in self._areas for page in range(start, end, self._page)]
        votes = zip(*(written[i : i + len(pages)] for i in range(0, len(written), len(pages))))
        stretches, after = [], 0
        for page, count in zip(pages, map(sum, votes)):
            if count >= _ENOUGH:
                if page == after:
                    stretches[-1] += self._page
                else:
                    stretches += (page, self._page)
                after = page + self._page
        return stretches

    def _hold(self, stretches):
        """A descriptor that holds memory in its place as long as it is open, -1 if that cannot be had."""
        from ctypes import c_size_t, create_string_buffer

        ring = self._libc.call(_IO_URING_SETUP, 1, create_string_buffer(_SIZE_OF_PARAMS))
        if ring >= 0:
            buffers = (c_size_t * len(stretches))(*stretches)
            if self._libc.call(_IO_URING_REGISTER, ring, _REGISTER_BUFFERS, buffers, len(stretches) // 2) < 0:
                os.close(ring)
                return -1
        return ring
