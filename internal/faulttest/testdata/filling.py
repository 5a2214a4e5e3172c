"""Steps that fill the disk on which the store is, at the moment that FILL names, and then go on as if nothing was."""

import os

from levada import FlowSpec, step

FILL = os.environ.get("FILL", "")
DISK = os.environ.get("DISK", "")


def fill(moment):
    if moment != FILL:
        return
    fd = os.open(os.path.join(DISK, "filler"), os.O_WRONLY | os.O_CREAT, 0o644)
    for size in (1 << 20, 1 << 12, 1):
        try:
            while True:
                os.write(fd, b"x" * size)
        except OSError:
            pass
    os.close(fd)


class Filler:
    """A value that fills the disk when it is stored."""

    def __getstate__(self):
        fill("blobs")
        return {"kept": 1}


class FillingFlow(FlowSpec):
    @step
    def start(self):
        self.before = list(range(1000))
        self.next(self.work)

    @step
    def work(self):
        fill("sqlite")
        self.small = bytes(range(256)) * 200  # goes into the database
        self.next(self.large)

    @step
    def large(self):
        fill("staging")
        self.a_large = b"can be compressed " * 100_000
        self.z_last = Filler()
        self.next(self.talk)

    @step
    def talk(self):
        fill("logs")
        for i in range(20_000):
            print("line", i, "of many that together are half a megabyte")
        self.next(self.end)

    @step
    def end(self):
        self.result = [len(self.before), len(self.small), len(self.a_large), self.z_last.kept]
        print("result", self.result)


if __name__ == "__main__":
    FillingFlow()
