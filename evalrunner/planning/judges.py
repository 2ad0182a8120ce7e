"""Who judges a cell, and what that may cost before a single answer is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from evalrunner.config import JudgeSettings
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning.calls import Answered
from evalrunner.planning.cells import Calls, Cell
from evalrunner.planning.cost import CostEstimate, CostRange
from evalrunner.planning.opponents import opponents_of
from evalrunner.pricing import UnitPrices
from evalrunner.prompts import PromptTemplate
from evalrunner.providers import ApiModelSettings, ModelSettings
from evalrunner.providers.families import maker_of
from evalrunner.providers.registry import Wire
from evalrunner.scorers.judging import (
    MAIN_JUDGE,
    Judge,
    JudgeMember,
    JudgeScorer,
    Opponent,
)
from evalrunner.types import Case, Prompt, Request

_CHARACTERS_PER_TOKEN = 4
"""Of an answer that is not known yet; English prose has about four."""
_TOKENS_OF_UNLIMITED = 1024
"""How long an answer of a model without `max_output_tokens` (a function) is taken to be."""
_NOT_ASKED = ("replay", "baseline")


def judge_models(settings: JudgeSettings | None) -> dict[str, ModelSettings]:
    """The models of a judge by name, the main one first; none without a judge."""
    return {} if settings is None else {MAIN_JUDGE: settings.model, **settings.panel}


def place_of(name: str) -> str:
    """Where the model of a judge stands in the configuration."""
    return "judge.model" if name == MAIN_JUDGE else f"judge.panel.{name}"


def make_judge(
    settings: JudgeSettings | None, *, seed: int, wire: Callable[[ModelSettings], Wire | None]
) -> Judge | None:
    """The judge of a cell, None without one or when a model of it could not be made.

    Raises ConfigError for models that cannot be asked to judge.
    """
    if settings is None:
        return None
    models = judge_models(settings)
    problems = [
        Problem(
            where=place_of(name),
            what=f"provider {model.provider!r} answers cases, it cannot read a question",
            hint="a judge is asked: choose a model of openai, anthropic, or a function of yours",
        )
        for name, model in models.items()
        if model.provider in _NOT_ASKED
    ]
    if MAIN_JUDGE in settings.panel:
        what = f"{MAIN_JUDGE!r} is the name of judge.model"
        problems.append(Problem(where=f"judge.panel.{MAIN_JUDGE}", what=what, hint="rename it"))
    if problems:
        raise ConfigError(problems)
    members = [(name, wire(model)) for name, model in models.items()]
    if any(found is None for _, found in members):
        return None
    return Judge(
        members=tuple(JudgeMember(name=name, wire=found) for name, found in members if found),
        repeats=settings.repeats,
        retest=settings.retest,
        combine=settings.combine,
        structured=settings.structured,
        template=settings.template,
        instructions=settings.instructions,
        seed=seed,
    )


def pairing_problems(cells: Sequence[Cell]) -> list[Problem]:
    """Pairwise scorers whose answers would be compared with nobody's."""
    problems = []
    for facet in dict.fromkeys(cell.facet for cell in cells):
        members = [cell for cell in cells if cell.facet == facet and cell.role == "candidate"]
        for scorer in members[0].scorers:
            if not isinstance(scorer, JudgeScorer) or not scorer.needs_opponents:
                continue
            if not any(_rivals(cell, members, scorer) for cell in members):
                problems.append(
                    Problem(
                        where=f"scorer.{scorer.name}",
                        what=f"facet {facet} has no two cells to compare with each other",
                        hint="sweep over models or prompts (model=a,b), select a cell with "
                        f"run.baseline, or set scorer.{scorer.name}.target to a recorded answer",
                    )
                )
    return problems


def judge_warnings(cells: Sequence[Cell]) -> list[str]:
    """What makes judges worth less than they cost: kinship, panels of twins, nothing to judge."""
    return [*_family_warnings(cells), *_twin_warnings(cells), *_idle_warnings(cells)]


def _twin_warnings(cells: Sequence[Cell]) -> list[str]:
    warnings = []
    for cell in cells:
        models = list(judge_models(cell.settings.judge).items())
        warnings += [
            f"{place_of(name)} is the same model as {place_of(twin)}: it will agree with itself; "
            "for its noise use judge.repeats or judge.retest"
            for place, (name, model) in enumerate(models)
            for twin, other in models[:place]
            if (model.provider, model.name) == (other.provider, other.name)
        ]
    return list(dict.fromkeys(warnings))


def _idle_warnings(cells: Sequence[Cell]) -> list[str]:
    """Judges that nobody asks, since no scorer of the cell is judged."""
    warnings = [
        f"judge={cell.axes['judge']} is not asked anything: no selected scorer is judged; "
        "choose one (scorer=rubric, scale, reference, classify or pairwise) or judge=none"
        for cell in cells
        if cell.settings.judge and not any(isinstance(s, JudgeScorer) for s in cell.scorers)
    ]
    return list(dict.fromkeys(warnings))


def _family_warnings(cells: Sequence[Cell]) -> list[str]:
    """Judges that judge answers of their own maker's models: they may prefer them."""
    warnings = []
    for cell in cells:
        family = maker_of(cell.settings.model)
        if family is None or not any(isinstance(s, JudgeScorer) for s in cell.scorers):
            continue
        warnings += [
            f"judge {judge.name!r} and candidate {cell.settings.model.name!r} are both of "
            f"{family}: a judge may prefer its own family; add a judge of another maker"
            for judge in judge_models(cell.settings.judge).values()
            if maker_of(judge) == family
        ]
    return list(dict.fromkeys(warnings))


class JudgeCounter:
    """The requests that judging one cell takes, re-asks left out.

    Of answers that are known (kept, recorded) they are exact; any other answer is taken to be as
    long as its model may make it.

    Args:
        cell: With its scorers.
        cells: All cells of the plan: some of them are opponents.
        prices: By the name of each judge.
        answered: Shared by all cells of the plan.
    """

    def __init__(
        self,
        cell: Cell,
        cells: Sequence[Cell],
        *,
        prices: Mapping[str, UnitPrices | None],
        answered: Answered,
    ) -> None:
        self._cell = cell
        self._answered = answered
        self._scorers = [s for s in cell.scorers if isinstance(s, JudgeScorer)]
        self._opponents = {
            # Both cells of a pair ask the same: the earlier one is taken to pay.
            scorer.name: [
                rival for rival in _rivals(cell, cells, scorer) if _asks(cell, rival, scorer)
            ]
            for scorer in self._scorers
            if scorer.needs_opponents
        }
        self._estimates = {
            name: CostEstimate(
                prices[name],
                max_output_tokens=model.max_output_tokens,
                batch=model.transport == "batch",
            )
            for name, model in judge_models(cell.settings.judge).items()
            if isinstance(model, ApiModelSettings)
        }
        self._total = 0
        self._cached = 0
        self.problems: dict[Problem, None] = {}
        """Why judges cannot be asked as configured."""

    @property
    def template(self) -> PromptTemplate:
        """What renders the prompts of the candidate."""
        return self._cell.template

    def add(self, prompt: Prompt, case: Case) -> None:
        """Count the requests about one case; a canary cell has only the first ones."""
        if case.index >= self._cell.n:
            return
        for repeat in range(self._cell.repeats):
            request = self._cell.wire.build_request(prompt, case, repeat)
            text = self._answered.text(self._cell.wire, request)
            for scorer in self._scorers:
                self._add(scorer, case, text)

    def calls(self) -> Calls:
        """How many there are."""
        return Calls(total=self._total, cached=self._cached, to_pay=self._total - self._cached)

    def cost(self) -> CostRange:
        """What those to be paid may cost."""
        return CostRange.sum(estimate.range() for estimate in self._estimates.values())

    def _add(self, scorer: JudgeScorer, case: Case, text: str | None) -> None:
        others = self._opponents.get(scorer.name, [])
        # What others will answer is not known; unlike texts, so that none is taken for a tie.
        opponents = [Opponent(cell=other.id, text=f"{other.id}") for other in others]
        unknown = len(others) + (text is None)
        longest = min(scorer.max_characters, self._longest_answer()) * unknown
        own = text if text is not None else " "
        for member, request in self._requests(scorer, case, own, opponents):
            if member.name not in self._estimates:
                continue
            self._total += 1
            if not unknown and self._answered.take(request):
                self._cached += 1
            else:
                self._estimates[member.name].add(request, more_bytes=longest)

    def _requests(
        self, scorer: JudgeScorer, case: Case, text: str, opponents: Sequence[Opponent]
    ) -> list[tuple[JudgeMember, Request]]:
        """None for a case that cannot be judged."""
        try:
            return list(scorer.requests(case, text, opponents=opponents))
        except ConfigError as error:
            self.problems.update(dict.fromkeys(error.problems))
        except ValueError:
            # What the review of the cases finds in their targets.
            pass
        return []

    def _longest_answer(self) -> int:
        tokens = getattr(self._cell.settings.model, "max_output_tokens", _TOKENS_OF_UNLIMITED)
        return int(tokens) * _CHARACTERS_PER_TOKEN


def _rivals(cell: Cell, cells: Sequence[Cell], scorer: JudgeScorer) -> list[Cell]:
    against = getattr(cell.settings.scorer[scorer.name], "against", None)
    return opponents_of(cell, cells, against=against)


def _asks(cell: Cell, rival: Cell, scorer: JudgeScorer) -> bool:
    """Whether `cell` is the one of a pair that is taken to pay for its comparison."""
    return cell.id < rival.id or not _rivals(rival, [cell, rival], scorer)
