"""A gang: tasks of one step that run at the same time and talk to each other, as distributed training does.

The nodes form a ring of sockets and pass their numbers on until each node has seen all of them and knows their sum.
"""

import socket
import time

from metaflow import FlowSpec, Parameter, current, parallel, step


class ParallelGangFlow(FlowSpec):
    """Let every node of a gang learn the sum of all nodes' numbers."""

    nodes = Parameter("nodes", type=int, default=3, help="size of the gang")

    @step
    def start(self):
        self.ports = free_ports(self.nodes)
        self.next(self.ring, num_parallel=self.nodes)

    @parallel
    @step
    def ring(self):
        gang = current.parallel
        self.node = gang.node_index
        self.number = (self.node + 1) ** 2
        self.total = ring_sum(self.number, self.node, self.ports)
        print(f"node {self.node} of {gang.num_nodes} had {self.number} and knows that the sum is {self.total}")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.numbers = [task.number for task in inputs]
        self.totals = {task.total for task in inputs}
        self.next(self.end)

    @step
    def end(self):
        expected = sum(self.numbers)
        agreed = "all nodes agree" if self.totals == {expected} else f"wrong: {self.totals}"
        print(f"{' + '.join(map(str, self.numbers))} = {expected}: {agreed}")


def free_ports(count):
    """Return that many ports that nobody listens on right now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def ring_sum(number, node, ports):
    """Pass numbers to the right and take them from the left until the own number would come back."""
    with socket.create_server(("127.0.0.1", ports[node])) as server:
        right = connect(ports[(node + 1) % len(ports)])
        left, _ = server.accept()
    with right, left, left.makefile() as incoming:
        total = passing = number
        for _ in range(len(ports) - 1):
            right.sendall(f"{passing}\n".encode())
            passing = int(incoming.readline())
            total += passing
    return total


def connect(port, patience=30):
    """Connect to a neighbour, who may still be starting."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=patience)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    ParallelGangFlow()
