"""The page of a run: its size, what building it takes, and how soon a browser shows the cases.

    python benchmarks/report_page.py [--small | --full]

Bars: 3 cells x 300 cases behind APIs, raw requests and responses included, in 1 MB; the whole of
`evalrunner report` for 20 cells x 5,000 cases in 20 s and 600 MB; that page open in Chromium in 2 s
(where Playwright and Chromium are there). `--full` does the large run with answers from an API too.
"""

from __future__ import annotations

import importlib.util
import random
import shutil
import time
from pathlib import Path

import harness

BAR_MB, BAR_S, BAR_PEAK_MB, BAR_OPEN_S = 1.0, 20, 600, 2.0
WORDS = 150
"""Of a question, which comes back as the answer: a reply to a customer is about as long."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")


def main() -> None:
    options = harness.arguments(__doc__, full="the large run from an API as well: some minutes")
    n_cells, n_cases = (4, 500) if options.small else (20, 5_000)
    rows = []
    with harness.Server(latency=0.0) as server, harness.project(n_cases=1, url=server.url) as made:
        write_long_cases(made, 300)
        rows.append(small_page(made))
        made.write_cases(n_cases)
        rows += large_page(made, "functions", cells(made, n_cells, "echo"))
        if options.full:
            rows += large_page(made, "an API", cells(made, n_cells, "chat"))
    harness.show(
        "The page of a run",
        ("what", "measured", "bar", "met"),
        rows,
        f"answers of {WORDS} random words on the small page, of a sentence on the large one",
    )


def write_long_cases(project: harness.Project, n: int) -> None:
    """Cases whose questions are words that do not repeat each other."""
    rng = random.Random(0)
    letters = "etaoinshrdlu"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(3_000)]
    rows = []
    for number in range(n):
        text = " ".join(rng.choices(words, k=WORDS))
        rows.append(f'{{"id": "c{number}", "input": "{text}", "expected_output": "{text}"}}\n')
    project.write("datasets/cases.jsonl", "".join(rows))


def cells(project: harness.Project, n: int, model: str) -> list[str]:
    """The names of `n` models that are all like this one."""
    text = (project.root / f"conf/model/{model}.yaml").read_text()
    for number in range(n):
        project.write(f"conf/model/{model}{number}.yaml", f"{text}label: {model} {number}\n")
    return [f"{model}{number}" for number in range(n)]


def small_page(project: harness.Project) -> tuple[object, ...]:
    project.forget()
    project.run("model=openai,chat,anthropic", "run.name=small")
    megabytes = page_bytes(project.runs()[-1]) / 1e6
    what = "3 cells x 300 cases of APIs, all files of the page, MB"
    return what, megabytes, BAR_MB, harness.verdict(holds=megabytes <= BAR_MB)


def large_page(project: harness.Project, kind: str, models: list[str]) -> list[tuple[object, ...]]:
    project.forget()
    project.run(f"model={','.join(models)}", "run.name=large")
    run = project.runs()[-1]
    words = project.words("report", str(run))
    done = harness.measure(words, cwd=project.root, env=project.env)
    if done.code != 0:
        raise SystemExit(done.err)
    n_trials = sum(1 for _ in (run / "trials.jsonl").open())
    name = f"{n_trials:,} trials of {kind}"
    rows: list[tuple[object, ...]] = [
        (f"{name}: built in s", done.wall_s, BAR_S, harness.verdict(holds=done.wall_s <= BAR_S)),
        (f"{name}: CPU time, s", done.cpu_s, "", ""),
        (
            f"{name}: peak MB",
            done.peak_mb,
            BAR_PEAK_MB,
            harness.verdict(holds=done.peak_mb <= BAR_PEAK_MB),
        ),
        (f"{name}: MB of page and side files", page_bytes(run) / 1e6, "", ""),
    ]
    opened = opened_in_s(run / "report.html")
    if opened is not None:
        met = harness.verdict(holds=opened <= BAR_OPEN_S)
        rows.append((f"{name}: cases shown in Chromium after s", opened, BAR_OPEN_S, met))
    return rows


def page_bytes(run: Path) -> int:
    """Of the page and of the files beside it."""
    files = [run / "report.html", *(run / "report").glob("*")]
    return sum(path.stat().st_size for path in files)


def opened_in_s(page: Path) -> float | None:
    """From opening the page to the list of cases, median of 3; None without a browser."""
    if CHROMIUM is None or importlib.util.find_spec("playwright") is None:
        return None
    from playwright.sync_api import sync_playwright

    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for _ in range(3):
            tab = browser.new_page()
            started = time.perf_counter()
            tab.goto(page.as_uri(), wait_until="commit")
            tab.wait_for_selector("#case-table-body tr")
            taken.append(time.perf_counter() - started)
            tab.close()
        browser.close()
    return harness.middle(taken)


if __name__ == "__main__":
    main()
