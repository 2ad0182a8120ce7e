"""Makes a plan from a composed grid, or raises every problem at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from evalrunner.config import ComposedCell, Grid
from evalrunner.datasets import CaseSet
from evalrunner.errors import ConfigError, Problem
from evalrunner.planning.access import access_problems
from evalrunner.planning.cells import Calls, Cell, Plan
from evalrunner.planning.cost import CostEstimate, CostRange
from evalrunner.planning.history import Asked, History, read_history
from evalrunner.planning.parts import Parts
from evalrunner.pricing import PriceBook
from evalrunner.project import Project
from evalrunner.providers import ApiModelSettings
from evalrunner.providers.cached import ResponseCache
from evalrunner.types import Prompt, canonical_json, sha256_of


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


def make_plan(grid: Grid, surroundings: Surroundings) -> Plan:
    """The plan of a grid; asks no network.

    Raises ConfigError with all problems of all cells when a cell cannot even be planned. What only
    keeps a plan from being run, a missing key or price, is in its `problems`.
    """
    parts = Parts(surroundings.project)
    # Keys and prices of the cells that are sound are checked even if others are not.
    sound = [cell for cell in grid.cells if _is_sound(cell, parts)]
    problems = parts.problems + _baseline_problems(grid)
    case_sets, cells = _cells(sound, parts)
    counted = _count_calls(cells, case_sets, surroundings)
    obstacles = access_problems(
        [cell for cell, calls in zip(cells, counted.calls, strict=True) if calls.to_pay],
        environ=surroundings.environ,
        trusted_hosts=surroundings.trusted_hosts,
    )
    obstacles += _price_problems(cells, counted.costs)
    if problems:
        raise ConfigError(dict.fromkeys(problems + obstacles))
    return Plan(
        cells=cells,
        case_sets=case_sets,
        calls=counted.calls,
        costs=counted.costs,
        first_prompts=tuple(_first_prompt(cell, case_sets) for cell in cells),
        problems=tuple(dict.fromkeys(obstacles)),
        warnings=(),
        overrides=tuple(grid.overrides),
        multirun_yaml=grid.multirun_yaml,
    )


def _is_sound(cell: ComposedCell, parts: Parts) -> bool:
    """Whether everything that the cell is made of could be made; `parts` notes what could not."""
    known = len(parts.problems)
    parts.check_cases(cell)
    made = (parts.case_set(cell), parts.template(cell), parts.wire(cell))
    all_scorers = len(parts.scorers(cell)) == len(cell.settings.scorer)
    return None not in made and all_scorers and len(parts.problems) == known


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


@dataclass(frozen=True, slots=True)
class _Counted:
    calls: tuple[Calls, ...]
    costs: tuple[CostRange, ...]


def _count_calls(
    cells: tuple[Cell, ...], case_sets: tuple[CaseSet, ...], around: Surroundings
) -> _Counted:
    """Requests of each cell: how many, how many answered already, what the rest may cost."""
    seen: set[bytes] = set()
    books: dict[str, PriceBook] = {}
    models = {Asked.of(cell.config).model for cell in cells}
    # Read only when there is a request to pay.
    past = cache(lambda: read_history(_outputs(cells, around.project), models))
    counted = []
    for cell in cells:
        pricing = sha256_of(cell.config["pricing"])
        book = books.setdefault(pricing, PriceBook(cell.settings.pricing, at=around.at))
        cases = _cases_of(cell, case_sets)
        counted.append(_count_cell(cell, cases, seen, book, around.cache, past))
    return _Counted(tuple(calls for calls, _ in counted), tuple(cost for _, cost in counted))


def _count_cell(
    cell: Cell,
    cases: CaseSet,
    seen: set[bytes],
    book: PriceBook,
    responses: ResponseCache | None,
    past: Callable[[], History],
) -> tuple[Calls, CostRange]:
    model = cell.settings.model
    if not isinstance(model, ApiModelSettings):
        return Calls(total=cell.n_trials, cached=0, to_pay=0), CostRange()
    prices = book.prices(model.price or model.name, model.client or model.provider)
    batch = model.transport == "batch"
    estimate = CostEstimate(prices, max_output_tokens=model.max_output_tokens, batch=batch)
    cached = 0
    asked = Asked.of(cell.config)
    for case in cases:
        prompt = cell.template.render(case)
        for repeat in range(cell.repeats):
            request = cell.wire.build_request(prompt, case, repeat)
            key = bytes.fromhex(request.key)
            if key in seen or (responses is not None and responses.get(request.key)):
                cached += 1
            else:
                lengths = past().lengths(asked, prompt)
                estimate.add(request, lengths)
            seen.add(key)
    calls = Calls(total=cell.n_trials, cached=cached, to_pay=cell.n_trials - cached)
    return calls, estimate.range(past() if calls.to_pay else None)


def _outputs(cells: Sequence[Cell], project: Project) -> Path:
    return project.root / cells[0].settings.run.outputs


def _cases_of(cell: Cell, case_sets: tuple[CaseSet, ...]) -> CaseSet:
    first = 0
    for cases in case_sets:
        if first == cell.first:
            return cases
        first += len(cases)
    raise RuntimeError(f"cell {cell.id} begins at no data set's first row")


def _price_problems(cells: tuple[Cell, ...], costs: tuple[CostRange, ...]) -> list[Problem]:
    """A budget or a cost rule needs a price for every request."""
    problems = []
    for cell, cost in zip(cells, costs, strict=True):
        model, decide = cell.settings.model, cell.settings.decide
        rules = {
            "run.budget_usd": cell.settings.run.budget_usd,
            "model.limits.budget_usd": model.limits.budget_usd,
            "decide.budget_usd_per_month": decide.budget_usd_per_month,
        }
        needing = [rule for rule, value in rules.items() if value is not None]
        if cost.ceiling is None and needing:
            name = model.price or model.name
            problems.append(
                Problem(
                    where=needing[0],
                    what=f"{name!r} has no known price, so this limit cannot be kept",
                    hint=f"add it: 'pricing.overrides.{name}={{input: 0.15, output: 0.60}}' "
                    "(USD per million tokens), or choose another model",
                )
            )
    return problems


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
