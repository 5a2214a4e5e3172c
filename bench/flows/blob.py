"""One large artifact, stored by a step and loaded by the next."""

import blobs
from metaflow import FlowSpec, Parameter, step


class BlobFlow(FlowSpec):
    kind = Parameter("kind", default="bytes")
    mib = Parameter("mib", type=int, default=64)

    @step
    def start(self):
        self.value = blobs.make(self.kind, self.mib)
        self.ends = blobs.ends(self.value)
        self.next(self.end)

    @step
    def end(self):
        assert blobs.size(self.value) == self.mib << 20
        assert blobs.ends(self.value) == self.ends


if __name__ == "__main__":
    BlobFlow()
