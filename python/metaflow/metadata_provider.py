"""Records of metadata, as extensions make them. A metadata provider of one's own is not supported."""

from collections import namedtuple

from levada.later import Later

#: A fact about a task.
MetaDatum = namedtuple("MetaDatum", "field value type tags")
#: Where an artifact is.
DataArtifact = namedtuple("DataArtifact", "name ds_type ds_root url type sha")
MetadataProvider = Later("metaflow.metadata_provider.MetadataProvider")

#: Names that are not here are looked for as modules, so that levada/absent.py can say what to do instead.
__path__ = []
