"""Templates of the page, compiled once: the same page from what was kept as from the source."""

from __future__ import annotations

import sys

import jinja2
import pytest

from evalrunner.report.page.compiled import CompiledTemplates


@pytest.fixture(autouse=True)
def _bytecode_is_written(monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


def rendered(folder, *, made_by="1"):
    """The template `page`, and whether it was compiled for it."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        bytecode_cache=CompiledTemplates(made_by),
    )
    compiled = []
    parse = environment._parse
    environment._parse = lambda *given: compiled.append(given) or parse(*given)
    return environment.get_template("page.html.j2").render(name="<you>"), bool(compiled)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "page.html.j2").write_text("Hello {{ name }}")
    return tmp_path


def kept(folder):
    return list((folder / "__pycache__").iterdir())


def test_a_template_is_compiled_once(folder):
    assert rendered(folder) == ("Hello &lt;you&gt;", True)
    assert rendered(folder) == ("Hello &lt;you&gt;", False)
    assert len(kept(folder)) == 1


def test_a_changed_template_is_compiled_again(folder):
    rendered(folder)
    (folder / "page.html.j2").write_text("Bye {{ name }}")

    assert rendered(folder) == ("Bye &lt;you&gt;", True)


def test_a_template_is_compiled_again_for_other_settings(folder):
    rendered(folder)

    assert rendered(folder, made_by="2") == ("Hello &lt;you&gt;", True)


@pytest.mark.parametrize("n_bytes", [0, 20, 32, 40])
def test_what_was_kept_and_is_damaged_is_made_again(folder, n_bytes):
    rendered(folder)
    path = kept(folder)[0]
    path.write_bytes(path.read_bytes()[:n_bytes])

    assert rendered(folder) == ("Hello &lt;you&gt;", True)
    assert rendered(folder) == ("Hello &lt;you&gt;", False)


def test_where_nothing_can_be_kept_the_page_is_made_all_the_same(folder):
    (folder / "__pycache__").write_text("no directory")

    assert rendered(folder) == ("Hello &lt;you&gt;", True)
    assert rendered(folder) == ("Hello &lt;you&gt;", True)


def test_nothing_is_kept_where_python_keeps_no_bytecode(folder, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    rendered(folder)

    assert not (folder / "__pycache__").exists()
