"""Whether a test set is any good: facts about its cases, before any model is asked.

Pure: texts and cases in, facts out; what to make of them is decided by who shows them.
"""

from evalrunner.health.coverage import MixFit, mix_fit
from evalrunner.health.duplicates import (
    Duplicates,
    Overlap,
    contradictions,
    find_duplicates,
    find_overlap,
)
from evalrunner.health.leakage import TargetLeak, find_target_leak
from evalrunner.health.profile import (
    Lengths,
    class_counts,
    edge_share,
    languages_of,
    scripts_of,
    value_counts,
)
from evalrunner.health.size import Size, size_of
from evalrunner.health.texts import normalised, shown_value, text_of

__all__ = [
    "Duplicates",
    "Lengths",
    "MixFit",
    "Overlap",
    "Size",
    "TargetLeak",
    "class_counts",
    "contradictions",
    "edge_share",
    "find_duplicates",
    "find_overlap",
    "find_target_leak",
    "languages_of",
    "mix_fit",
    "normalised",
    "scripts_of",
    "shown_value",
    "size_of",
    "text_of",
    "value_counts",
]
