"""Experiments: one file each, with the command that runs it and what to expect.

`jaxcolor train --config NAME` finds them by name, wherever the package is installed.
A config of your own, in another folder, imports them with `from jaxcolor.configs import
scenes_small`; here they import each other with `from . import scenes_small`. Those of a
folder are named with it: `small/l2`. Files whose names begin with "_" are shared parts.
"""
