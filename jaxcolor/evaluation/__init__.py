"""Evaluations: systems on photographs, one table of metrics with intervals, sweeps.

`registry` lists the metrics, `evaluate` measures, `summary` turns measurements into the
numbers of `result_tables`. `finetuning` and `cli` import it.
"""
