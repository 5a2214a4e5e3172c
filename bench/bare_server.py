"""A bare fork server: for each message of a host it forks a process that squares a number and says the result.

usage: bare_server.py  with the host's socket as descriptor 3

A message is the number, and comes with three descriptors: the process's own socket, and what is to be its output. A
message without descriptors says that a socket has ended, so that a process is there to be waited for. BENCH_IMPORT
names modules that it has imported.
"""

import gc
import os
import pickle
import struct
from _socket import CMSG_SPACE, socket


def serve(control):
    while True:
        message, ancillary, _, _ = control.recvmsg(4, CMSG_SPACE(12))
        if not message:
            return
        if not ancillary:
            os.wait()
            continue
        task, stdout, stderr = struct.unpack("3i", ancillary[0][2])
        (number,) = struct.unpack("<i", message)
        if os.fork() == 0:
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.write(task, pickle.dumps(number * number))
            os._exit(0)
        os.close(task)
        os.close(stdout)
        os.close(stderr)


if __name__ == "__main__":
    for module in os.environ.get("BENCH_IMPORT", "").split():
        __import__(module)
    gc.freeze()
    gc.disable()
    serve(socket(fileno=3))
