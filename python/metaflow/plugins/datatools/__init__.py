"""Access to S3 and local data: a later version has it. Its exceptions are there."""

from levada.datatools import (
    MetaflowLocalNotFound as MetaflowLocalNotFound,
    MetaflowLocalURLException as MetaflowLocalURLException,
    MetaflowS3Exception as MetaflowS3Exception,
    read_in_chunks as read_in_chunks,
)
from levada.later import Later
from levada.submodules import modules_of

S3 = Later("metaflow.S3")
Local = Later("metaflow.plugins.datatools.Local")

__getattr__ = modules_of(__name__)
