"""From photographs to a data set of TFDS: planned once, written in shards, resumable.

`prepare.prepare` does it; only `cli` imports this package.
"""
