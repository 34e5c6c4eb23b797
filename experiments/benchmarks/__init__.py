"""Speed, measured beside a named peer in the same run; see `run`."""
