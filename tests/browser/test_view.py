"""The index over runs in a browser, opened from disk."""

import json
import shutil

import pytest

from evalrunner.report.view import read_rows, write_index


@pytest.fixture(scope="module")
def index(quickstart, tmp_path_factory):
    """Three runs of one experiment with a report each, the last on other cases, and a torn one."""
    root = tmp_path_factory.mktemp("outputs")
    for day in (1, 2, 3):
        run = root / "quickstart" / f"2026110{day}T120000Z-abcde{day}"
        shutil.copytree(quickstart, run)
        change(run / "manifest.json", started_at=f"2026-11-0{day}T12:00:00+00:00")
        change(run / "plan.json", cases={"n": 120, "sha256": "ab" if day == 3 else "cd"})
    torn = root / "torn" / "20261104T120000Z-abcdef"
    torn.mkdir(parents=True)
    (torn / "manifest.json").write_text("{")
    return write_index(root, read_rows(root))


def change(path, **news):
    path.write_text(json.dumps(json.loads(path.read_text()) | news))


def column(page, number):
    return page.locator(f"#runs tbody tr:visible > :nth-child({number})").all_inner_texts()


def test_the_index_opens_from_disk_and_leads_to_a_report(page, index):
    page.goto(index.as_uri())

    page.get_by_role("link", name="2026-11-02 12:00").first.click()

    assert page.url.endswith("/quickstart/20261102T120000Z-abcde2/report.html")
    assert page.locator("#verdict").is_visible()


def test_runs_are_sorted_and_searched(page, index):
    page.goto(index.as_uri())
    first = column(page, 1)

    page.get_by_role("button", name="Experiment").first.click()
    page.get_by_role("button", name="Started (UTC)").first.click()
    sorted_by_time = [text.partition("\n")[0] for text in column(page, 2)]
    page.locator("#runs-filter").fill("quick 11-02")
    found = column(page, 1)
    said = page.locator("#runs-shown").inner_text()
    page.locator("#runs-filter").fill("")
    page.locator("#runs-status").select_option("unreadable")

    assert first == ["torn", "quickstart", "quickstart", "quickstart"]
    assert sorted_by_time == [f"2026-11-0{day} 12:00" for day in (1, 2, 3, 4)]
    assert (found, said) == (["quickstart"], "1 of 4 runs")
    assert column(page, 1) == ["torn"]


def test_the_trend_is_drawn_and_its_table_opens(page, index):
    page.goto(index.as_uri())

    page.get_by_text("Table of 3 runs").click()

    assert page.locator(".trend-dot").count() == 3
    assert page.locator(".trend-line").count() == 1
    assert page.locator(".trend-break").count() == 1
    assert page.locator("#trends td", has_text="the cases").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_index_never_scrolls_sideways(new_page, index, width, scheme):
    page = new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)

    page.goto(index.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_index_is_complete_without_scripts(new_page, index):
    page = new_page(java_script_enabled=False)

    page.goto(index.as_uri())

    assert page.locator("#runs tbody tr").count() == 4
    assert not page.locator("#runs-filter").is_visible()
    assert page.get_by_role("link", name="report", exact=True).count() == 3
