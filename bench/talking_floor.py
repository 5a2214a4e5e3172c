"""The floor of whoever wants to know something of a process: what floor.py does, and each process says its result.

usage: talking_floor.py N WORKERS

Each process is forked with a socket and two pipes of its own in place of its output, pickles one integer, sends it over
the socket and exits; the parent reads all three to their end. Nothing is stored. It is the least that any system needs that runs each
task as a process of its own, whatever else it does.
"""

import gc
import os
import pickle
import select
import socket
import sys


def main(count, workers):
    gc.freeze()
    poll = select.poll()
    running = {}
    started = 0
    while started < count or running:
        while started < count and len(running) < workers:
            here, there = socket.socketpair()
            streams = [os.pipe(), os.pipe()]
            pid = os.fork()
            if pid == 0:
                for fd, (_, end) in enumerate(streams, 1):
                    os.dup2(end, fd)
                there.send(pickle.dumps(started * started))
                os._exit(0)
            there.close()
            for _, end in streams:
                os.close(end)
            poll.register(here, select.POLLIN)
            running[here.fileno()] = here, pid, [end for end, _ in streams]
            started += 1
        for fd, _ in poll.poll():
            here, pid, streams = running[fd]
            if here.recv(4096):
                continue
            poll.unregister(here)
            here.close()
            for end in streams:
                while os.read(end, 4096):
                    pass
                os.close(end)
            if os.waitpid(pid, 0)[1] != 0:
                sys.exit("a process failed")
            del running[fd]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
