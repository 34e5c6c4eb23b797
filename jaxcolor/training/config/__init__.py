"""The config of a training: its sections as records, their checks and factories."""
