"""Numbers and foreign text as people see them."""

import io
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.formatting import (
    count,
    number,
    number_interval,
    percent,
    percent_interval,
    safe_text,
    seconds,
    usd,
    usd_interval,
)
from evalrunner.types import Estimate


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (0.0, "0.0 %"), (0.9124, "91.2 %"), (1.0, "100.0 %"), (-0.05, "−5.0 %")],
)
def test_percent(value, expected):
    assert percent(value) == expected


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [(None, 2, "–"), (0.826, 2, "0.83"), (1512.6, 0, "1513"), (-0.826, 2, "−0.83")],
)
def test_number(value, digits, expected):
    assert number(value, digits=digits) == expected


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(value=None), "–"),
        (Estimate(value=0.5), "0.50"),
        (Estimate(value=0.5, low=-0.1, high=0.75), "0.50 (−0.10 to 0.75)"),
    ],
)
def test_number_interval(estimate, expected):
    assert number_interval(estimate) == expected


def test_percent_has_the_digits_asked_for():
    assert percent(0.636088, digits=2) == "63.61 %"


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(value=None), "–"),
        (Estimate(value=0.5), "50.0 %"),
        (Estimate(value=0.5, low=0.4), "50.0 %"),
        (Estimate(value=0.912, low=0.884, high=0.935), "91.2 % (88.4–93.5)"),
        (Estimate(value=0.0, low=0.0, high=0.2424), "0.0 % (0.0–24.2)"),
    ],
)
def test_percent_with_its_interval(estimate, expected):
    assert percent_interval(estimate) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0, "$0"),
        (Decimal(0), "$0"),
        (1.7234e-6, "$1.72e-6"),
        (1e-10, "$1.00e-10"),
        (0.0001, "$0.0001"),
        (0.00012345, "$0.000123"),
        (0.0423, "$0.0423"),
        (0.5, "$0.50"),
        (0.123, "$0.123"),
        (Decimal("0.1"), "$0.10"),
        (0.9994, "$0.999"),
        (0.9996, "$1.00"),
        (3.1, "$3.10"),
        (999.99, "$999.99"),
        (999.996, "$1,000"),
        (1234567.8, "$1,234,568"),
        (-0.5, "−$0.50"),
        (-2000, "−$2,000"),
        (float("nan"), "–"),
        (float("inf"), "–"),
    ],
)
def test_usd_from_the_tiny_to_the_huge(value, expected):
    assert usd(value) == expected


@given(st.decimals(min_value="0.0000001", max_value="100000000", allow_nan=False))
def test_usd_is_within_half_a_percent_of_the_value(value):
    shown = float(usd(value).replace("$", "").replace(",", ""))

    assert shown == pytest.approx(float(value), rel=0.00501)


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Estimate(value=None), "–"),
        (Estimate(value=0.42), "$0.42"),
        (Estimate(value=0.42, low=0.4, high=0.45), "$0.42 (0.40–0.45)"),
        (Estimate(value=0.42, low=0.42, high=0.42), "$0.42"),
        (Estimate(value=0.0, low=0.0, high=0.0), "$0"),
        (Estimate(value=1000, low=900.5, high=1100), "$1,000 (900.50–1,100)"),
    ],
)
def test_usd_with_its_interval(estimate, expected):
    assert usd_interval(estimate) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0, "0"),
        (950, "950"),
        (9999, "9,999"),
        (9999.6, "10.0 k"),
        (12345, "12.3 k"),
        (999_949, "999.9 k"),
        (999_950, "1.0 M"),
        (3_400_000, "3.4 M"),
        (999_960_000, "1.0 G"),
        (-12345, "−12.3 k"),
    ],
)
def test_count(value, expected):
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0, "0 s"),
        (6.7e-7, "0.67 µs"),
        (8.5e-4, "850 µs"),
        (0.99949e-3, "999 µs"),
        (0.9996e-3, "1 ms"),
        (0.0124, "12.4 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.44, "1.4 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_seconds(value, expected):
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, ünï, 中文, 🙂", "plain, ünï, 中文, 🙂"),
        ("\x1b]52;c;aGk=\x07", r"\x1b]52;c;aGk=\x07"),
        ("\x1b[2J\r\n\t", r"\x1b[2J\r\n\t"),
        ("\u202eevil\u2066", r"\u202eevil\u2066"),
        ("a\u2028b\u0085c", r"a\u2028b\x85c"),
        ("\ud800", r"\ud800"),
        ("\x00\x9b31m", r"\x00\x9b31m"),
        ("\U000e0041", r"\U000e0041"),
        ("[/foo] [bold]x", "[/foo] [bold]x"),
    ],
)
def test_foreign_text_cannot_steer_a_terminal(text, expected):
    """F3: escapes, bidirectional marks and line ends are shown, not obeyed."""
    assert safe_text(text) == expected


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_safe_text_is_one_printable_line_that_any_terminal_takes(text):
    shown = safe_text(text)

    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


def test_safe_text_says_how_much_it_cuts():
    """B10: a huge text is cut where it is shown, visibly."""
    assert safe_text("x" * 1234567, limit=3) == "xxx [… 1,234,564 characters cut …]"
    assert safe_text("y" * 24, limit=3) == "y" * 24, "the mark would be longer than what it hides"
    assert safe_text("xxx", limit=3) == "xxx"


def test_markup_of_rich_in_foreign_text_is_text():
    """F3: `[/foo]` in a label raised MarkupError where text was taken for markup."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=40, record=True, file=io.StringIO())
    console.print(Text(safe_text("[/foo] [red]x")))

    assert console.export_text().strip() == "[/foo] [red]x"
