"""``parallel_map`` under Metaflow's module path."""

from levada.multicore import MulticoreException, parallel_imap_unordered, parallel_map  # noqa: F401
