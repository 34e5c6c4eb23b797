"""Training: the step, the loop around it, its workdir, and its config.

A step is a pure function of state and batch; `loop` lifts it over devices.
`finetuning`, `recognition` and `cli` import it; `config.reading` alone reads files.
"""
