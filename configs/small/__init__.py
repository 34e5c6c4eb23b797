"""Methods of the paper's comparison, small: the same photographs, crops and steps.

`jaxcolor train --config small/NAME`; `_base` is what they share.
"""
