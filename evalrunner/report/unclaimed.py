"""Money for answers that no trial counts: paid, and not judged before the run ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from evalrunner.planning import CellSpec
from evalrunner.planning.judges import judge_models
from evalrunner.report.money import plus, usd_number


class UnclaimedMoney:
    """Hands each model's money to the first cell that asked it.

    Args:
        unclaimed_usd: By model, as the journal's index has it.
    """

    def __init__(self, unclaimed_usd: Mapping[str, Decimal | None]) -> None:
        self._left = dict(unclaimed_usd)

    def added(self, cost: dict[str, Any], spec: CellSpec) -> dict[str, Any]:
        """A cell's costs with what nobody else counts."""
        own = self._take([spec.settings.model.name])
        judges = self._take(model.name for model in judge_models(spec.settings.judge).values())
        both = plus(own, judges)
        if both == 0:
            return cost
        known = sum((part for part in (own, judges) if part is not None), Decimal(0))
        return cost | {
            "usd_spent": _with(cost["usd_spent"], both),
            "usd_spent_at_least": _with(cost["usd_spent_at_least"], known),
            "usd_judge": _with(cost["usd_judge"], judges),
        }

    def _take(self, names: Iterable[str]) -> Decimal | None:
        total: Decimal | None = Decimal(0)
        for name in names:
            total = plus(total, self._left.pop(name, Decimal(0)))
        return total


def _with(known: float | None, more: Decimal | None) -> float | None:
    return usd_number(plus(None if known is None else Decimal(str(known)), more))
