"""``parallel_map`` under Metaflow's module path."""

from levada.multicore import (
    MulticoreException as MulticoreException,
    parallel_imap_unordered as parallel_imap_unordered,
    parallel_map as parallel_map,
)
