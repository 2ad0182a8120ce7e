"""Files mean what they mean to OmegaConf."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from evalrunner.config.yaml_files import read_yaml
from evalrunner.errors import ConfigError

VALUES = [
    "1e3",
    "1_000",
    "0x1F",
    "007",
    "0.1",
    ".5",
    "-.inf",
    "2026-11-20",
    "2026-11-20 10:00:00",
    "yes",
    "off",
    "~",
    "null",
    "12:30:45",
    "1.2.3",
    "'7'",
    '"a\\tb"',
    "|\n  two\n  lines",
    ">\n  one\n  line",
    "{a: 1, 'b c': [x, y]}",
    "!!str 7",
    "gpt-4o:2024",
]


@pytest.mark.parametrize("value", VALUES)
def test_scalars_are_read_as_omegaconf_reads_them(tmp_path, value):
    path = tmp_path / "x.yaml"
    path.write_text(f"key: {value}\n")

    file = read_yaml(path, root=tmp_path, shown="x.yaml")

    assert file.content == OmegaConf.to_container(OmegaConf.load(path))


def test_an_empty_file_is_an_empty_mapping(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("# @package _global_\n")

    file = read_yaml(path, root=tmp_path, shown="x.yaml")

    assert (file.content, file.package) == ({}, "_global_")
    assert file.line(("nothing",)) is None


def test_lines_are_found_by_path(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: 1\nb:\n  - c: 2\n    d: 3\n  - e\n")

    file = read_yaml(path, root=tmp_path, shown="x.yaml")

    assert [file.line(keys) for keys in (("a",), ("b",), ("b", 0, "d"), ("b", 1))] == [1, 2, 4, 5]


def test_a_crooked_package_line_is_refused(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("# @package\na: 1\n")

    with pytest.raises(ConfigError, match="_global_"):
        read_yaml(path, root=tmp_path, shown="x.yaml")


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "a: \x07\n", "a: 1\n---\nb: 2\n"])
def test_odd_yaml_is_refused(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match="no valid YAML"):
        read_yaml(path, root=tmp_path, shown="x.yaml")
