"""Metrics of colors: accuracy, difference, similarity, calibration, intervals.

Each is a function of arrays for one photograph or one set of numbers. Any package but
`color`, `runtime` and its siblings may import it; it imports `color` only.
"""
