"""From a grid to a plan: everything that can be found before the first request is found here.

A plan is complete: cells with their parts, calls, costs, and the files that freeze it on disk.
Nothing in this package uses the network.
"""

from evalrunner.planning.access import access_problems
from evalrunner.planning.build import Surroundings, make_plan
from evalrunner.planning.cells import Calls, Cell, CellSpec, Plan
from evalrunner.planning.cost import CostRange
from evalrunner.planning.frozen import freeze, read_specs, thaw

__all__ = [
    "Calls",
    "Cell",
    "CellSpec",
    "CostRange",
    "Plan",
    "Surroundings",
    "access_problems",
    "freeze",
    "make_plan",
    "read_specs",
    "thaw",
]
