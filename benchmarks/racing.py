"""How often racing stops the better of two models, and how much it saves.

    python benchmarks/racing.py [--small]

The recorded answers of two models to the 1,319 word problems of GSM8K, raced in 400 orders by the
rule of a run, at equal prices. Then the same with the two answers to each case swapped at random,
so that neither model is better and whatever is stopped is stopped by mistake; and five models made
by such swaps, the first of which must not be stopped. Bars: at most 5 % wrong stops, and under 25 %
of the loser's requests sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import harness
import numpy as np
from numpy.typing import NDArray

from evalrunner.scorers.text import Numeric, NumericSettings
from evalrunner.stats.racing import Race, block_ends, race_order
from evalrunner.types import Case, Completion

DATA = Path(__file__).parents[1] / "datasets"
CONFIDENCE = 0.95
EQUALS = 5
MOST_WRONG = 0.05
MOST_SENT = 0.25

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ended:
    """One race: the share of the cases that each model did."""

    sent: tuple[float, ...]

    @property
    def stopped(self) -> list[int]:
        """Models that did not do all."""
        return [model for model, share in enumerate(self.sent) if share < 1]


def main() -> None:
    options = harness.arguments(__doc__)
    orders = 40 if options.small else 400
    ids, scores = recorded()
    rng = np.random.default_rng(0)
    worse = int(scores.mean(axis=1).argmin())
    real = [raced(ids, scores, seed) for seed in range(orders)]
    swapped = [raced(ids, rng.permuted(scores, axis=0), seed) for seed in range(orders)]
    equals = [
        raced(ids, np.array([rng.permuted(scores, axis=0)[0] for _ in range(EQUALS)]), seed)
        for seed in range(orders)
    ]
    harness.show(
        f"Racing, {orders} orders of {len(ids):,} cases, {CONFIDENCE:.0%}",
        ("race", "wrong stops", "right stops", "sent, median", "mean", "largest", "met"),
        [
            as_recorded(real, worse),
            of_equals("the two swapped at random", swapped, [0, 1]),
            of_equals(f"one of {EQUALS} equals", equals, [0]),
        ],
        f"Quality {', '.join(f'{100 * each:.1f} %' for each in scores.mean(axis=1))}. "
        "Sent: share of the loser's requests, the rest of its block included.",
        f"Bars: wrong stops at most {MOST_WRONG:.0%}, on average under {MOST_SENT:.0%} sent.",
    )


def recorded() -> tuple[list[str], Floats]:
    """Ids, and models x cases: 1 where the last number of an answer is the target."""
    cases = [json.loads(line) for line in (DATA / "gsm8k.jsonl").open(encoding="utf-8")]
    ids = [case["id"] for case in cases]
    scorer = Numeric("numeric", NumericSettings(kind="numeric"))
    table = []
    for path in sorted(DATA.glob("gsm8k_*.jsonl")):
        rows = (json.loads(line) for line in path.open(encoding="utf-8"))
        texts = {row["case_id"]: row["output"] for row in rows}
        table.append([asyncio.run(_score(scorer, case, texts[case["id"]])) for case in cases])
    return ids, np.array(table)


def raced(ids: Sequence[str], scores: Floats, seed: int) -> Ended:
    """A race at equal prices, in the order and blocks of a run with this seed."""
    order = race_order(ids, seed=seed)
    clusters = np.arange(order.size)
    ends = block_ends(clusters)
    race = Race(len(scores), confidence=CONFIDENCE)
    sent = [1.0] * len(scores)
    racing = list(range(len(scores)))
    for begin, end in zip([0, *ends], ends[:-1], strict=False):
        block = np.full((len(scores), end - begin), np.nan)
        block[racing] = scores[racing][:, order[begin:end]]
        race.add(block, clusters[begin:end])
        for beaten in race.beaten([1.0] * len(scores), racing=racing):
            sent[beaten.cell] = end / order.size
            racing.remove(beaten.cell)
    return Ended(tuple(sent))


def as_recorded(races: Sequence[Ended], worse: int) -> list[str]:
    """The worse one should be stopped, and the other never."""
    wrong = np.mean([any(model != worse for model in each.stopped) for each in races])
    right = np.mean([worse in each.stopped for each in races])
    sent = np.array([each.sent[worse] for each in races])
    met = wrong <= MOST_WRONG and sent.mean() < MOST_SENT
    shares = (wrong, right, np.median(sent), sent.mean(), sent.max())
    return ["as recorded", *(f"{share:.1%}" for share in shares), harness.verdict(holds=bool(met))]


def of_equals(name: str, races: Sequence[Ended], watched: Sequence[int]) -> list[str]:
    """Stopping any of `watched` is wrong: nobody is better."""
    wrong = np.mean([any(model in watched for model in each.stopped) for each in races])
    met = harness.verdict(holds=bool(wrong <= MOST_WRONG))
    return [name, f"{wrong:.1%}", "–", "–", "–", "–", met]


async def _score(scorer: Numeric, case: dict[str, str], text: str) -> float:
    asked = Case(id=case["id"], fields=dict(case), sha256="", index=0)
    found = await scorer.score(asked, Completion(text=text))
    return float(found.value or 0.0)


if __name__ == "__main__":
    main()
