"""What the judgements of a run say about its judges, not about what they judged.

`tally` reads the judgements of one scorer in one cell, `criteria` what each line of a rubric was
worth, `run` compares cells and facets. The warnings drawn from it are made in `evalrunner.flags`.
"""

from evalrunner.summary.judging.run import judging_summary
from evalrunner.summary.judging.tally import JudgeTally

__all__ = ["JudgeTally", "judging_summary"]
