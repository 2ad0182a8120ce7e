"""Makes a plan from a composed grid, or raises every problem at once."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from evalrunner.config import ComposedCell, Experiment, Grid
from evalrunner.datasets import CaseSet
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning.access import access_problems
from evalrunner.planning.canaries import canary_cells
from evalrunner.planning.cells import Cell, Plan, wires_to_pay
from evalrunner.planning.counting import Counting
from evalrunner.planning.facets import facet_powers, power_warnings
from evalrunner.planning.judges import judge_warnings, pairing_problems
from evalrunner.planning.parts import Parts
from evalrunner.planning.racing import race_problems
from evalrunner.planning.review import CaseReview
from evalrunner.project import Project
from evalrunner.providers.cached import ResponseCache
from evalrunner.scorers import ScorerSettings
from evalrunner.scorers.judge.settings import RubricSettings
from evalrunner.types import Prompt, canonical_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a plan depends on besides the configuration."""

    project: Project
    environ: Mapping[str, str]
    at: datetime
    cache: ResponseCache | None
    """None = this run does not read the cache."""
    trusted_hosts: frozenset[str] = frozenset()
    """Hosts that `--trust-host` names."""


def make_plan(grid: Grid, surroundings: Surroundings, *, parts: Parts | None = None) -> Plan:
    """The plan of a grid; asks no network. `parts` are given where they are not the grid's own.

    Raises ConfigError with all problems of all cells when a cell cannot even be planned. What only
    keeps a plan from being run, a missing key or price, is in its `problems`.
    """
    parts = parts or Parts(surroundings.project)
    reviews = _reviews(grid.cells, parts)
    case_sets, cells = _cells([cell for cell in grid.cells if _is_whole(cell, parts)], parts)
    canaries = canary_cells(cells, partial(_cases_of, case_sets=case_sets), surroundings.project)
    cells = (*cells, *canaries)
    outputs = surroundings.project.root / grid.cells[0].settings.run.outputs
    counting = Counting(
        cells,
        at=surroundings.at,
        outputs=outputs,
        responses=surroundings.cache,
    )
    for cell, counter in counting.counters():
        reviews[_identity(_cases_of(cell, case_sets))].count(counter)
    problems = parts.problems + _baseline_problems(grid)
    problems += [problem for review in reviews.values() for problem in review.run()]
    problems += counting.judge_problems() + pairing_problems(cells)
    problems += race_problems(cells)
    counting.close()
    calls, judge_calls = counting.calls(), counting.judge_calls()
    obstacles = access_problems(
        wires_to_pay(cells, calls, judge_calls),
        cells=cells,
        environ=surroundings.environ,
        trusted_hosts=surroundings.trusted_hosts,
    )
    obstacles += counting.price_problems()
    if problems:
        raise ConfigError(dict.fromkeys(problems + obstacles))
    costs, judge_costs = counting.costs(), counting.judge_costs()
    power = facet_powers(
        cells,
        {cell.first: _cases_of(cell, case_sets) for cell in cells},
        candidates=list(zip(calls, costs, strict=True)),
        judges=list(zip(judge_calls, judge_costs, strict=True)),
        outputs=outputs,
    )
    return Plan(
        cells=cells,
        case_sets=case_sets,
        calls=calls,
        costs=costs,
        judge_calls=judge_calls,
        judge_costs=judge_costs,
        power=power,
        first_prompts=tuple(_first_prompt(cell, case_sets) for cell in cells),
        problems=tuple(dict.fromkeys(obstacles)),
        warnings=(*judge_warnings(cells), *power_warnings(power)),
        overrides=tuple(grid.overrides),
        multirun_yaml=grid.multirun_yaml,
    )


def _reviews(cells: Sequence[ComposedCell], parts: Parts) -> dict[str, CaseReview]:
    """What has to be checked with each test set, by its identity; `parts` notes what is missing.

    What is sound of a cell is checked even if another part of it cannot be made.
    """
    reviews: dict[str, CaseReview] = {}
    for cell in cells:
        parts.check_quality(cell)
        cases, template = parts.case_set(cell), parts.template(cell)
        scorers = parts.scorers(cell)
        parts.wire(cell)
        if cases is None:
            continue
        review = reviews.setdefault(_identity(cases), CaseReview(cases))
        if template is not None:
            review.check_prompt(template, hidden=_hidden_fields(cell.settings))
        for scorer in scorers:
            review.check_targets(scorer, *_target_of(cell.settings.scorer[scorer.name]))
    return reviews


def _hidden_fields(settings: Experiment) -> frozenset[str]:
    """Fields that a template must not read: what the answer is scored against."""
    if settings.prompt.allow_target:
        return frozenset()
    scorers = settings.scorer.values()
    targets = {getattr(scorer, "target", None) for scorer in scorers}
    targets |= {scorer.field for scorer in scorers if isinstance(scorer, RubricSettings)}
    # What a function or a judge compares with is not known; by its name it is the answer.
    return frozenset({t for t in targets if t is not None} | {"expected_output", "rubric"})


def _target_of(settings: ScorerSettings) -> tuple[str, str | None]:
    """The key that names the field of the truth, and the field; None = no case needs one."""
    if isinstance(settings, RubricSettings):
        return "field", settings.field if settings.criteria is None else None
    return "target", getattr(settings, "target", None)


def _is_whole(cell: ComposedCell, parts: Parts) -> bool:
    """Whether everything that the cell is made of could be made."""
    made = (parts.case_set(cell), parts.template(cell), parts.wire(cell))
    return None not in made and len(parts.scorers(cell)) == len(cell.settings.scorer)


def _baseline_problems(grid: Grid) -> list[Problem]:
    """`run.baseline` must select one cell in each facet."""
    problems = []
    facets = itertools.groupby(sorted(grid.cells, key=lambda c: c.facet), key=lambda c: c.facet)
    for facet, members in facets:
        cells = list(members)
        wanted = cells[0].settings.run.baseline
        matching = [c for c in cells if all(c.axes.get(k) == v for k, v in wanted.items())]
        if wanted and len(matching) != 1:
            problems.append(
                Problem(
                    where="run.baseline",
                    what=f"{wanted} selects {len(matching)} cells of facet {facet}, not one",
                    hint=f"cells are: {'; '.join(c.label for c in cells)}",
                )
            )
    return problems


def _cells(
    composed_cells: Sequence[ComposedCell], parts: Parts
) -> tuple[tuple[CaseSet, ...], tuple[Cell, ...]]:
    """The cells with their parts; equal selections of cases are stored once."""
    sets: dict[str, CaseSet] = {}
    starts: dict[str, int] = {}
    cells = []
    for composed in composed_cells:
        cases, template, wire = (
            parts.case_set(composed),
            parts.template(composed),
            parts.wire(composed),
        )
        if cases is None or template is None or wire is None:
            raise RuntimeError("a part is missing although no problem was found")
        key = _identity(cases)
        if key not in sets:
            starts[key] = sum(map(len, sets.values()))
            sets[key] = cases
        cells.append(
            Cell(
                id=composed.id,
                label=composed.label,
                axes=composed.axes,
                facet=composed.facet,
                role="candidate",
                overrides=composed.overrides,
                settings=composed.settings,
                config=composed.resolved,
                config_sha256=composed.config_sha256,
                first=starts[key],
                n=len(cases),
                template=template,
                wire=wire,
                scorers=parts.scorers(composed),
                hydra_config=composed.config_yaml,
            )
        )
    return tuple(sets.values()), tuple(cells)


def _identity(cases: CaseSet) -> str:
    return f"{cases.name}\n{cases.sha256}"


def _cases_of(cell: Cell, case_sets: tuple[CaseSet, ...]) -> CaseSet:
    first = 0
    for cases in case_sets:
        if first == cell.first:
            return cases
        first += len(cases)
    raise RuntimeError(f"cell {cell.id} begins at no data set's first row")


def _first_prompt(cell: Cell, case_sets: tuple[CaseSet, ...]) -> str:
    prompt = cell.template.render(_cases_of(cell, case_sets)[0])
    return prompt_text(prompt)


def prompt_text(prompt: Prompt) -> str:
    """A rendered prompt as people read it."""
    turns = [] if prompt.system is None else [f"[system] {prompt.system}"]
    for message in prompt.messages:
        content = message.content
        text = content if isinstance(content, str) else canonical_json(content)
        turns.append(f"[{message.role}] {text}")
    return "\n".join(turns)
