"""Devices, processes, checkpoints, compiled programs, files and progress bars.

Nothing here is about color. Every package may import it, and it imports no other
package of jaxcolor. Only `checkpoints` names Orbax. `atomic`, `printable` and
`progress` work without JAX.
"""
