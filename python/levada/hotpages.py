"""Memory that a fork copies at once, because parent or child would write to it anyway.

A fork shares all memory, and who first writes to a page of it gets a copy. That is right for nearly all pages. But
Python writes a reference count wherever it looks, so there are two or three hundred pages that every task writes to,
and the fork server as well between two forks, for each fork protects them anew. That is a page fault each, and of a
tiny task's time more than half. A page that a device may write to at any time must not move, though: such a page a
fork copies there and then, for a third of what the faults cost, and the parent's own stays as it is. So a few tasks
tell which pages were written to, and these are registered as buffers of an io_uring in which nothing is ever queued.

Where there is no io_uring (not Linux, a container that forbids it, too little memory may be locked) all goes on as
ever. Memory without such pages becomes huge pages, which a fork has done with at once.
"""

import os
import sys
from os import O_APPEND, O_RDONLY, O_WRONLY, pread, write
from os import open as os_open

#: The forks, counted from 1, whose processes tell. A run with fewer would not earn back the effort.
SCOUTS = range(13, 16)
#: A page is hot if so many of them tell of it.
_ENOUGH = 2

#: With more hot pages than this the tasks change data, and a fork had better share what it can.
_MOST = 2048
#: An area of so many bytes is not looked at.
_AREA = 1 << 30
_HUGE = 2 << 20
_MADV_COLLAPSE = 25
_IO_URING_SETUP, _IO_URING_REGISTER, _REGISTER_BUFFERS = 425, 427, 0
_SIZE_OF_PARAMS = 120
#: From the upper byte of an entry of /proc/PID/pagemap: whether the page is in memory, not a file's, and nobody else's.
_WRITTEN = bytes(byte & 0xA1 == 0x81 for byte in range(256))
_PRESENT = bytes(byte >= 0x80 for byte in range(256))


class HotPages:
    """The pages that tasks and the fork server write to: told of by scouts, held by the fork server."""

    def __init__(self, libc):
        self._libc = libc
        self._areas = []  # start and end of what can be written to
        self._places = []  # in /proc/PID/pagemap: size and offset
        self._count = 0  # of pages
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._left = len(SCOUTS)
        #: Where scouts tell, later the io_uring; -1 if there is none. No task must keep it.
        self.descriptor = -1
        self._sink = ""  # how scouts find it

    def expect(self):
        """Before a scout is forked, in the fork server."""
        if self._areas or sys.platform != "linux" or sys.byteorder != "little":  # of entries the upper byte is the last
            return
        try:
            with open("/proc/self/maps") as maps:
                for line in maps:
                    span, access, _ = line.split(None, 2)
                    start, end = (int(address, 16) for address in span.split("-"))
                    if access == "rw-p" and end - start <= _AREA:
                        self._areas.append((start, end))
            self._places = [((end - start) // self._page * 8, start // self._page * 8) for start, end in self._areas]
            self._count = sum(size for size, _ in self._places) // 8
            self.descriptor = os.memfd_create("levada-pages")
            self._sink = "/proc/%d/fd/%d" % (os.getpid(), self.descriptor)
        except (OSError, AttributeError):
            pass

    def tell(self):
        """At the end of a scout, in its own process: tell which pages were written to since it was forked."""
        # What this writes to itself counts as well, so it does little.
        try:
            sink = os_open(self._sink, O_WRONLY | O_APPEND)
            pagemap = os_open("/proc/self/pagemap", O_RDONLY)
            write(sink, b"".join([pread(pagemap, size, offset) for size, offset in self._places]))
        except OSError:
            pass  # then others tell

    def ended(self):
        """When a scout has ended, in the fork server. After the last one, which is told, hot pages are held."""
        self._left -= 1
        if self._left:
            return False
        if self.descriptor < 0:
            return True
        told = self.descriptor
        self.descriptor = -1
        try:
            entries = os.pread(told, os.fstat(told).st_size, 0)[7::8]
            pages = self._hot(entries.translate(_WRITTEN))
            if 0 < len(pages) <= _MOST:
                self._join(pages, entries.translate(_PRESENT))
                self.descriptor = self._hold(pages)
        except (OSError, ImportError):
            pass
        os.close(told)
        return True

    def _hot(self, written):
        """The addresses of hot pages. ``written`` has a byte for each page, as one scout after another saw it."""
        votes = {}
        for first in range(0, len(written), self._count):
            at = written.find(1, first, first + self._count)
            while at >= 0:
                votes[at - first] = votes.get(at - first, 0) + 1
                at = written.find(1, at + 1, first + self._count)
        hot = sorted(at for at, count in votes.items() if count >= _ENOUGH)
        pages, first = [], 0
        for start, end in self._areas:
            last = first + (end - start) // self._page
            while len(pages) < len(hot) and hot[len(pages)] < last:
                pages.append(start + (hot[len(pages)] - first) * self._page)
            first = last
        return pages

    def _join(self, pages, present):
        """Make huge pages of memory without hot ones: a fork has so much less to go through."""
        blocks = {page // _HUGE for page in pages}
        first = 0
        for start, end in self._areas:
            for block in range(-(-start // _HUGE), end // _HUGE):
                at = first + (block * _HUGE - start) // self._page
                # One that is half empty would only take more memory.
                if block not in blocks and present.count(1, at, at + _HUGE // self._page) * self._page * 2 > _HUGE:
                    self._libc.advise(block * _HUGE, _HUGE, _MADV_COLLAPSE)
            first += (end - start) // self._page

    def _hold(self, pages):
        """A descriptor that holds memory in its place as long as it is open, -1 if that cannot be had."""
        from ctypes import c_size_t, create_string_buffer

        stretches = []
        for page in pages:
            if stretches and page == sum(stretches[-2:]):
                stretches[-1] += self._page
            else:
                stretches += (page, self._page)
        ring = self._libc.call(_IO_URING_SETUP, 1, create_string_buffer(_SIZE_OF_PARAMS))
        buffers = (c_size_t * len(stretches))(*stretches)
        if ring >= 0 and self._libc.call(_IO_URING_REGISTER, ring, _REGISTER_BUFFERS, buffers, len(stretches) // 2) < 0:
            os.close(ring)
            return -1
        return ring
