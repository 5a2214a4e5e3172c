"""The floor: what the operating system asks for N processes that do next to nothing, some at a time.

usage: floor.py N WORKERS

Each process is forked, pickles one integer and exits; the parent waits. Nothing is stored, nothing is said. BENCH_IMPORT
names modules that the parent has imported.
"""

import gc
import os
import pickle
import sys


def main(count, workers):
    gc.freeze()
    started = running = 0
    while started < count or running:
        while started < count and running < workers:
            if os.fork() == 0:
                pickle.dumps(started * started)
                os._exit(0)
            started += 1
            running += 1
        _, status = os.wait()
        if status != 0:
            sys.exit(f"a process ended with status {status}")
        running -= 1


if __name__ == "__main__":
    for module in os.environ.get("BENCH_IMPORT", "").split():
        __import__(module)
    main(int(sys.argv[1]), int(sys.argv[2]))
