"""The module that has S3 in Metaflow."""

from levada.datatools import MetaflowS3InsufficientDiskSpace as MetaflowS3InsufficientDiskSpace
from metaflow.plugins.datatools.s3 import *  # noqa: F403
