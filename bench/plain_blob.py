"""What plain Python needs to store and load one large value: pickle protocol 5 to a file, sha256 of it, read it back.

usage: plain_blob.py store|load KIND MIB FILE
"""

import hashlib
import os
import pickle
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "flows"))
import blobs


def store(kind, mib, path):
    value = blobs.make(kind, mib)
    with open(path, "wb") as file:
        pickle.dump(value, file, protocol=5)
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)


def load(kind, mib, path):
    with open(path, "rb") as file:
        value = pickle.load(file)
    if blobs.size(value) != mib << 20:
        sys.exit("the value came back with another size")
    blobs.ends(value)


if __name__ == "__main__":
    action, kind, mib, path = sys.argv[1:]
    {"store": store, "load": load}[action](kind, int(mib), path)
