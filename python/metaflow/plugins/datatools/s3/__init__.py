"""``metaflow.S3``: a later version has it. Its exceptions and tuples are there."""

from levada.datatools import (  # noqa: F401
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InvalidObject,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
    MetaflowS3URLException,
    RangeInfo,
    S3GetObject,
    S3PutObject,
)
from levada.later import Later
from levada.submodules import modules_of

S3 = Later("metaflow.S3")
S3Object = Later("metaflow.plugins.datatools.s3.S3Object")

__getattr__ = modules_of(__name__)
