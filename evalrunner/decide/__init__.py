"""From numbers to a decision: one recommendation a facet, and what routing could add.

Pure: cells of a facet in, entries of `summary.json` out. Only candidates are chosen, and never
across facets.
"""

from evalrunner.decide.corrected import corrected_choice
from evalrunner.decide.needs import Needs
from evalrunner.decide.recommendation import recommend
from evalrunner.decide.routing import routing_summary

__all__ = ["Needs", "corrected_choice", "recommend", "routing_summary"]
