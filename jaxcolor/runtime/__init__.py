"""What a program runs on: devices, processes, checkpoints, compiled programs, files.

Knows nothing of color. Every package may import it; of jaxcolor it imports nothing.
`devices` alone names JAX's devices, `checkpoints` alone names Orbax.
"""
