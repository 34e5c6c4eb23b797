"""Evaluations: systems on photographs, one table of metrics with intervals, sweeps.

`assemble` does it all in one call; `registry.METRICS` lists the metrics, `judges` has
classifiers, LPIPS, FID and a real-or-fake test. `finetuning` and `cli` import this
package.
"""

from jaxcolor.evaluation import judges, registry
from jaxcolor.evaluation.assembly import References, assemble
from jaxcolor.evaluation.metric import Metric, Photograph, Statistic
from jaxcolor.evaluation.protocols import Protocol
from jaxcolor.evaluation.result_tables import Evaluation, markdown

__all__ = [
    "Evaluation",
    "Metric",
    "Photograph",
    "Protocol",
    "References",
    "Statistic",
    "assemble",
    "judges",
    "markdown",
    "registry",
]
