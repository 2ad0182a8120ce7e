"""Interpolations mean what they mean to OmegaConf, within bounds."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from evalrunner.config.interpolation import opaque, resolve, resolvers_in, revealed

TREE = {
    "a": {"b": 3, "c": "x", "d": None, "e": True, "list": [1, {"f": "deep"}]},
    "name": "b",
    "top": "t",
}


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "${a.b}",
        "${a[b]}",
        "${a.list[1].f}",
        "${a.list.0}",
        "<${a.b}-${a.c}>",
        "<${a.d}${a.e}>",
        "${a.${name}}",
        "${ a.b }",
        "${a}",
        "${.sibling}",
        "${..top}",
        "\\${a.b}",
        "\\\\${a.b}",
        "x\\${a.b}${a.c}",
        "back\\slash",
        "100 % {not} a $reference",
    ],
)
def test_references_resolve_as_omegaconf_resolves_them(text):
    tree = TREE | {"here": {"value": text, "sibling": "s"}}

    resolved, problems = resolve(tree, {})

    assert not problems
    assert resolved == OmegaConf.to_container(OmegaConf.create(tree), resolve=True)


def test_hydras_node_can_be_read():
    resolved, problems = resolve(
        {"a": "${hydra:runtime.choices.model}!"}, {"runtime": {"choices": {"model": "luna"}}}
    )

    assert (resolved, problems) == ({"a": "luna!"}, [])


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("${nothing}", "does not exist"),
        ("${a.list.9}", "does not exist"),
        ("${hydra:nothing}", "does not exist"),
        ("x${a}", "mapping or a list"),
        ("${open", "never closes"),
        ("${oc.env:HOME}", "no resolver"),
        ("${x}", "circle"),
        ("${.}", "contains it"),
        ("???", "no value yet"),
    ],
)
def test_what_cannot_be_resolved_is_reported_with_its_path(text, what):
    _, problems = resolve(TREE | {"x": text}, {})

    ((path, message),) = problems
    assert path == ("x",)
    assert what in message


def test_a_reference_through_a_reference_is_followed():
    tree = {"models": {"m": {"name": "luna"}}, "judge": "${models.m}", "label": "${judge.name}"}

    assert resolve(tree, {})[0]["label"] == "luna"


def test_a_chain_longer_than_the_limit_is_refused():
    tree = {f"k{n}": f"${{k{n + 1}}}" for n in range(60)} | {"k60": "end"}

    assert resolve(tree, {})[1]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("${oc.env:HOME}", ["oc.env"]),
        ("${a.b} ${.c}", []),
        ("${oc.${x}:HOME}", ["oc._"]),
        ("${oc.decode:${oc.env:X}}", ["oc.env", "oc.decode"]),
        ("${oc.create:{a: 1}}", ["oc.create"]),
        ("\\${oc.env:HOME}", []),
        ("\\\\${oc.env:HOME}", ["oc.env"]),
    ],
)
def test_resolvers_are_found_by_name(text, names):
    assert list(resolvers_in(text)) == names


def test_hiding_and_revealing_are_inverse():
    value = {"${a}": ["${b}", {"c": "\\${d}", "e": 1}]}

    assert revealed(opaque(value)) == value
    assert "${" not in str(opaque(value))
