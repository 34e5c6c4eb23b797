"""Experiments: one file each, with the command that runs it and what to expect."""
