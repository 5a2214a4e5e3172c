"""The interpreter's code on huge pages.

Code is mapped from a file, and of such memory a fork copies nothing: each task finds its own way to each page that it
runs, a page fault for every 16 of them, and at its end all is taken apart again. A huge page, which is not of a file,
a fork shares at once. So what of the interpreter's code and constants fills whole huge pages is copied to some.

Debuggers and profilers look for the interpreter by the name of the file where its code starts. That part stays.
"""

import sys

_HUGE = 2 << 20
_READ, _WRITE, _EXECUTE = 1, 2, 4
_PRIVATE, _ANONYMOUS = 2, 0x20
_MAY_MOVE, _FIXED = 1, 2
_HUGEPAGE, _COLLAPSE = 14, 25
_FAILED = -1 % (1 << 64)


def use_huge_pages():
    """Put the interpreter's code on huge pages, where there are any. To be called while one thread runs."""
    if sys.platform != "linux" or sys.maxsize != (1 << 63) - 1:
        return
    try:
        from ctypes import PyDLL, c_int, c_long, c_size_t, c_void_p, cast, memmove, pythonapi

        with open("/proc/self/maps") as maps:
            start, end = whole_pages(maps, cast(pythonapi.Py_IncRef, c_void_p).value)
        library = PyDLL(None)
        mmap, mremap = library.mmap, library.mremap
    except (ImportError, OSError, AttributeError):
        return
    size = end - start
    if size <= 0:
        return
    mmap.restype = mremap.restype = c_void_p
    mmap.argtypes = (c_void_p, c_size_t, c_int, c_int, c_int, c_long)
    mremap.argtypes = (c_void_p, c_size_t, c_size_t, c_int, c_void_p)
    for function in (library.munmap, library.madvise, library.mprotect):
        function.argtypes = (c_void_p, c_size_t, c_int)[: 2 if function is library.munmap else 3]

    memory = mmap(None, size + _HUGE, _READ | _WRITE, _PRIVATE | _ANONYMOUS, -1, 0)
    if memory in (None, _FAILED):
        return
    copy = -(-memory // _HUGE) * _HUGE
    library.madvise(copy, size, _HUGEPAGE)
    memmove(copy, start, size)
    moved = (
        library.madvise(copy, size, _COLLAPSE) == 0  # they are huge pages indeed
        and library.mprotect(copy, size, _READ | _EXECUTE) == 0
        and mremap(copy, size, size, _MAY_MOVE | _FIXED, start) == start
    )
    if not moved:
        library.munmap(copy, size)
    library.munmap(memory, copy - memory)
    library.munmap(copy + size, memory + _HUGE - copy)


def whole_pages(maps, address):
    """The huge pages, from start to end, that the program around an address fills after the one where its code starts.

    ``maps`` are lines as /proc/PID/maps has them. The program is the mappings of one file that lie side by side and
    cannot be written to. Start is not before end if there are none.
    """
    programs = []  # of each: its path, where it starts and ends, where its code starts
    for line in maps:
        span, access, _, _, _, *path = line.split(None, 5)
        start, end = (int(part, 16) for part in span.split("-"))
        if access not in ("r--p", "r-xp") or not path:
            continue
        if not programs or programs[-1][0] != path or programs[-1][2] != start:
            programs.append([path, start, end, 0])
        program = programs[-1]
        program[2] = end
        if access == "r-xp" and not program[3]:
            program[3] = start
    for _, start, end, code in programs:
        if code and start <= address < end:
            return code // _HUGE * _HUGE + _HUGE, end // _HUGE * _HUGE
    return 0, 0
