"""From photographs on disk to batches of pixels: NumPy on the host."""
