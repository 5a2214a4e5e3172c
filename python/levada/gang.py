"""What a node of a gang finds in its environment: how its nodes meet."""

from os import environ
from zlib import crc32

_PORTS = range(51000, 61000)


def announce(task):
    """Set the variables that tell a node of its gang."""
    gang = task.frame["parallel"]
    environ["MF_PARALLEL_MAIN_IP"] = gang["main_ip"]
    environ["MF_PARALLEL_NUM_NODES"] = str(gang["num_nodes"])
    environ["MF_PARALLEL_NODE_INDEX"] = str(gang["node_index"])
    environ["MF_PARALLEL_CONTROL_TASK_ID"] = gang["control_task_id"]
    if task.plan.torch is not None:
        environ["MASTER_ADDR"] = gang["main_ip"]
        environ["MASTER_PORT"] = str(task.plan.torch.get("master_port") or _port(task.frame))
        environ["NODE_RANK"] = str(gang["node_index"])
        environ["WORLD_SIZE"] = environ["NUM_NODES"] = str(gang["num_nodes"])
        environ["PL_TORCH_DISTRIBUTED_BACKEND"] = "gloo"


def _port(frame):
    """A port that the nodes of this gang agree on without a word, and that other gangs on this machine do not take.

    Run ids count from 1 in each store, so they alone would bring two stores to the same port. The staging folder is
    the engine's own. A gang that is tried again takes another port: the old one may be blocked for a while.
    """
    place = "%s %s %d" % (frame.get("staging"), frame["parallel"]["control_task_id"], frame["attempt"])
    return _PORTS[crc32(place.encode()) % len(_PORTS)]
