"""``metaflow.S3``: a later version has it. Its exceptions and tuples are there."""

from levada.datatools import (
    MetaflowS3AccessDenied as MetaflowS3AccessDenied,
    MetaflowS3Exception as MetaflowS3Exception,
    MetaflowS3InvalidObject as MetaflowS3InvalidObject,
    MetaflowS3InvalidRange as MetaflowS3InvalidRange,
    MetaflowS3NotFound as MetaflowS3NotFound,
    MetaflowS3URLException as MetaflowS3URLException,
    RangeInfo as RangeInfo,
    S3GetObject as S3GetObject,
    S3PutObject as S3PutObject,
)
from levada.later import Later
from levada.submodules import modules_of

S3 = Later("metaflow.S3")
S3Object = Later("metaflow.plugins.datatools.s3.S3Object")

__getattr__ = modules_of(__name__)
