"""Numbers in running text: a table of what is read and how."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.scorers.numbers import (
    NumberFormat,
    find_numbers,
    is_close,
    last_number,
    target_numbers,
)

FRACTIONS = NumberFormat(fractions=True)
COMMA = NumberFormat(decimal_mark=",")
SHARE = NumberFormat(percent="fraction")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # plain
        ("42", "42"),
        ("The answer is 42.", "42"),
        ("3 apples and 4 pears", "4"),
        ("007", "7"),
        ("3 (three)", "3"),
        ("7th", "7"),
        ("20kg", "20"),
        ("10:30", "30"),
        ("no number here", None),
        ("", None),
        # decimals
        ("2.5", "2.5"),
        ("$20.00", "20"),
        ("it is 20.00.", "20"),
        (".5", "0.5"),
        ("about .5 of it", "0.5"),
        ("The total.5 apples", "5"),
        ("wait..5", "5"),
        ("(a).5", "5"),
        ("version 1.2.3", "1.2"),
        # signs
        ("-5", "-5"),
        ("+5", "5"),
        ("\u22125", "-5"),
        ("\u20135", "-5"),
        ("(-5)", "-5"),
        ("**-5**", "-5"),
        ("x=-5", "-5"),
        ("-.5", "-0.5"),
        ("10-3", "3"),
        ("10 - 3", "3"),
        ("5\u201310", "10"),
        ("(2)-3", "3"),
        ("50%-3", "3"),
        ("so--5", "5"),
        ("- 5 apples", "5"),
        ("GPT-4", "4"),
        # thousands
        ("1,234", "1234"),
        ("1,234,567.89", "1234567.89"),
        ("1,00,000", "100000"),
        ("1'234'567", "1234567"),
        ("1_000", "1000"),
        ("1\u00a0000", "1000"),
        ("1\u202f000", "1000"),
        ("10{,}000", "10000"),
        (r"10\,000", "10000"),
        ("1, 2, 3", "3"),
        ("12,34", "34"),
        ("1,2345", "2345"),
        ("1,234'567", "567"),
        # currency
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("- $5", "5"),
        ("10-$5", "5"),
        (r"-\$5", "-5"),
        ("€ 1,000", "1000"),
        ("-US$1,000.5", "-1000.5"),
        ("USD5", "5"),
        ("-USD 7", "-7"),
        ("Rs.500", "500"),
        ("$.50", "0.5"),
        ("$20.", "20"),
        # percent
        ("12%", "12"),
        ("12 percent", "12"),
        # scientific
        ("1.2e3", "1200"),
        ("1.2E-3", "0.0012"),
        ("1e\u22123", "0.001"),
        ("1.2 × 10^3", "1200"),
        ("1.2*10**3", "1200"),
        (r"1.5 \times 10^{-3}", "0.0015"),
        ("3x10⁵", "300000"),
        ("3·10⁻²", "0.03"),
        ("4 x 10", "10"),
        ("5em", "5"),
        # glued to a word
        ("GPT4", None),
        ("v1.2", None),
        ("H2O and CO2", None),
        ("it costs 5, says GPT4", "5"),
        ("答案是5", "5"),
        # other scripts
        ("٣٫", "3"),
        ("５", "5"),
        ("10²", "10"),
        # fractions are not read unless asked for
        ("1/2", "2"),
        ("½", None),
    ],
)
def test_the_last_number_of_a_text(text, expected):
    assert last_number(text) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1/2", "0.5"),
        ("-1/2", "-0.5"),
        ("2 3/4", "2.75"),
        ("-2 3/4", "-2.75"),
        ("2 -3/4", "-0.75"),
        ("½", "0.5"),
        ("2½ cups", "2.5"),
        ("3 \u2044 4", "0.75"),
        ("10-3/4", "0.75"),
        ("1/0", "0"),
        ("1.5/2", "2"),
        ("3/4/2025", "2025"),
        ("5/-2", "-2"),
        ("$3/4", "0.75"),
        ("7, 3/4", "0.75"),
        ("1" * 40 + "/2", "2"),
        ("about 5", "5"),
    ],
)
def test_fractions_on_request(text, expected):
    assert last_number(text, FRACTIONS) == Decimal(expected)


def test_equal_fractions_are_equal_numbers():
    assert last_number("24 2/3", FRACTIONS) == last_number("74/3", FRACTIONS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.234,5", "1234.5"),
        ("0,5", "0.5"),
        ("1.000", "1000"),
        ("Äpfel,5", "5"),
        ("1'000,25", "1000.25"),
        ("-3,5 €", "-3.5"),
    ],
)
def test_a_decimal_comma_on_request(text, expected):
    assert last_number(text, COMMA) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12 %", "0.12"),
        ("12.50%", "0.125"),
        ("-3 per cent", "-0.03"),
        ("3 Percent", "0.03"),
        ("3 percentage points", "3"),
        ("0.12", "0.12"),
        ("1" * 40 + " %", "1" * 38 + ".11"),
    ],
)
def test_percent_as_a_share_on_request(text, expected):
    assert last_number(text, SHARE) == Decimal(expected)


def test_all_numbers_are_found_in_order_with_their_place():
    text = "16 - 3 = $13.50"

    found = list(find_numbers(text))

    assert [str(number.value) for number in found] == ["16", "3", "13.50"]
    assert [text[number.start : number.end] for number in found] == ["16", "3", "13.50"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (5, ["5"]),
        (0.1, ["0.1"]),
        ("1,234.50", ["1234.50"]),
        ("so we get 17\n#### 18", ["18"]),
        ([1, "2"], ["1", "2"]),
    ],
)
def test_a_target_names_the_accepted_numbers(target, expected):
    assert target_numbers(target) == tuple(map(Decimal, expected))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (True, "is no number"),
        ({"a": 1}, "is no number"),
        (None, "is no number"),
        ("none", "holds no number"),
        (float("inf"), "no finite number"),
        (float("nan"), "no finite number"),
        ("1/2", "set fractions: true"),
        (["1", "x"], "holds no number"),
    ],
)
def test_a_target_that_is_no_number_is_refused(target, message):
    with pytest.raises(ValueError, match=message):
        target_numbers(target)


def test_a_fraction_as_target_is_read_on_request():
    assert target_numbers("1/2", FRACTIONS) == (Decimal("0.5"),)


@pytest.mark.parametrize(
    ("value", "truth", "absolute", "relative", "expected"),
    [
        ("20.00", "20", 0, 0, True),
        ("0.3", "0.30000000000000000000000000000001", 0, 0, False),
        ("1.1", "1.0", 0.1, 0, True),
        ("1.11", "1.0", 0.1, 0, False),
        ("101", "100", 0, 0.01, True),
        ("102", "100", 0, 0.01, False),
        ("102", "100", 2, 0.01, True),
        ("-101", "-100", 0, 0.01, True),
        ("1e9999", "-1e9999", 0, 0.01, False),
        ("0", "0", 0, 0, True),
    ],
)
def test_tolerances(value, truth, absolute, relative, expected):
    assert (
        is_close(Decimal(value), Decimal(truth), absolute=absolute, relative=relative) is expected
    )


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3
    )
)
def test_every_number_is_read_back_in_every_spelling(number):
    sign = "-" if number < 0 else ""

    for spelled in (
        f"{number}",
        f"{number:,}",
        f"{number:,}".replace(",", "_"),
        f"{sign}${abs(number):,}",
    ):
        assert last_number(f"Total: {spelled} in all") == number


@given(
    st.text(alphabet=st.one_of(st.characters(), st.sampled_from("0123456789.,-+$%/ ½e^x*'\u2212"))),
    st.sampled_from([NumberFormat(), FRACTIONS, COMMA, SHARE]),
)
def test_any_text_is_read_without_an_error(text, form):
    value = last_number(text, form)

    assert value is None or value.is_finite()


@pytest.mark.parametrize(
    "text",
    [
        "1,22," * 20_000,
        "1" * 100_000,
        "1/2 " * 25_000,
        "-" * 100_000 + "5",
        "1.2e" * 25_000,
        "1 x 10" * 16_000,
        "½" * 100_000,
    ],
)
def test_no_text_takes_more_than_seconds(text):
    """Ten times the time measured, on a slow machine; quadratic growth would take minutes."""
    started = time.perf_counter()
    last_number(text, FRACTIONS)

    assert time.perf_counter() - started < 15
