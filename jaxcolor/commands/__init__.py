"""The commands of the command line: thin; they parse, call, print."""
