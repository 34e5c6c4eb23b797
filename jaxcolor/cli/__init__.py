"""The `jaxcolor` command: a module for each sub-command, from flags to one call.

`command_line` parses and dispatches. Only `__main__` imports this package.
"""

from jaxcolor.cli.command_line import COMMANDS, FAILED, INTERRUPTED, MISUSED, main

__all__ = ["COMMANDS", "FAILED", "INTERRUPTED", "MISUSED", "main"]
