"""Which of two cells is better, by the cases that both answered; and whether one is good enough.

Pure: `Scores` in, entries of `summary.json["comparisons"]` out, their sentences, and the checks of
a gate. Pairs are made inside a facet, or of two runs by `report`.
"""

from evalrunner.compare.cells import adjusted, compare_cells, flipped_cases
from evalrunner.compare.gate import (
    Check,
    Limits,
    Outcome,
    check_cells,
    check_comparison,
    check_flags,
    outcome_of,
    require_problems,
)
from evalrunner.compare.pairs import Pairing, choose_pairs
from evalrunner.compare.scores import Scores
from evalrunner.compare.verdict import Missing, judge, more_cases
from evalrunner.compare.words import plainest_sentence, reverse, sentence

__all__ = [
    "Check",
    "Limits",
    "Missing",
    "Outcome",
    "Pairing",
    "Scores",
    "adjusted",
    "check_cells",
    "check_comparison",
    "check_flags",
    "choose_pairs",
    "compare_cells",
    "flipped_cases",
    "judge",
    "more_cases",
    "outcome_of",
    "plainest_sentence",
    "require_problems",
    "reverse",
    "sentence",
]
