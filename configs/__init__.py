"""Experiments: one file each, with the command to run it and what to expect."""
