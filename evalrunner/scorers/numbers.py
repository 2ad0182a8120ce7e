"""Numbers in running text: finds them, reads them exactly, compares them with a tolerance.

What is read: signs (also U+2212, and an en dash in front of a digit), decimals, thousands
separators (comma, apostrophe, underscore, no-break and thin spaces, LaTeX `{,}`), a currency
between sign and digits, scientific notation (`1.2e3`, `1.2 × 10^3`) and, on request, fractions.
What is not: number words (million), suffixes (5k), and digits right behind a Latin letter (GPT4).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from typing import Literal

DecimalMark = Literal[".", ","]
PercentMeaning = Literal["number", "fraction"]

_MINUS = "-\u2212\u2013\ufe63\uff0d"
_SIGN = rf"[{_MINUS}+\uff0b]"
_SYMBOL = r"(?:(?<![A-Za-z])(?:US|CA|AU|NZ|HK|R|A|C))?\\?[$€£¥₹₩₽₺₪฿₫₦₴¢]"
_CODE = r"(?<![A-Za-z])(?:USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|BRL|MXN|Rs\.?)"
_BEFORE = re.compile(
    rf"(?P<outer>{_SIGN})?(?P<currency>(?:{_SYMBOL}|{_CODE})[ \u00a0]?)?(?P<inner>{_SIGN})?\Z"
)
_BEFORE_CHARACTERS = 8
_NO_SIGN_AFTER = re.compile(rf"[{_MINUS}+\w)\]}}%]")
_PERCENT = re.compile(r"\s?(?:[%\uff05]|per\s?cent\b)", re.IGNORECASE)
_SLASH = re.compile(r"\s?[/\u2044]\s?")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_LONGEST_FRACTION_PART = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """How numbers are written in the texts at hand."""

    decimal_mark: DecimalMark = "."
    """With a comma, the point separates thousands."""
    fractions: bool = False
    """Read `3/4` and `2 3/4` as one number; otherwise as their parts."""
    percent: PercentMeaning = "number"
    """`12 %` is 12 (number) or 0.12 (fraction)."""


PLAIN = NumberFormat()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundNumber:
    """A number and where its digits stand."""

    value: Decimal
    start: int
    end: int
    signed: bool
    """A sign or a currency stands before the digits: no denominator of a fraction."""


def find_numbers(text: str, form: NumberFormat = PLAIN) -> Iterator[FoundNumber]:
    """The numbers of `text`, in order."""
    if not form.fractions:
        for found in _plain_numbers(text, form.decimal_mark):
            yield _percent_applied(found, text, form)
        return
    text = "".join(map(_spelled_out, text))
    for found in _with_fractions(list(_plain_numbers(text, form.decimal_mark)), text):
        yield _percent_applied(found, text, form)


def last_number(text: str, form: NumberFormat = PLAIN) -> Decimal | None:
    """The last number of `text`; None when there is none."""
    value = None
    for found in find_numbers(text, form):
        value = found.value
    return value


def target_numbers(value: object, form: NumberFormat = PLAIN) -> tuple[Decimal, ...]:
    """The numbers that a target accepts: a number, a text whose last number counts, or a list.

    Raises ValueError for what holds no number, and for a fraction while fractions are not read:
    taking its denominator for the truth would be silently wrong.
    """
    if isinstance(value, list | tuple):
        return tuple(number for item in value for number in target_numbers(item, form))
    if isinstance(value, str):
        return (_target_in_text(value, form),)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{value!r} is no number")  # noqa: TRY004 - wrong data, not a wrong call
    number = Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"{value!r} is no finite number")
    return (number,)


def is_close(value: Decimal, truth: Decimal, *, absolute: float, relative: float) -> bool:
    """Whether `value` is within `max(absolute, relative × |truth|)` of `truth`, bounds included."""
    if value == truth:
        return True
    with localcontext() as context:
        # An answer may write as many digits and as large an exponent as it likes.
        context.prec = 60
        context.clear_traps()
        allowed = max(Decimal(str(absolute)), Decimal(str(relative)) * abs(truth))
        return abs(value - truth) <= allowed


def _target_in_text(text: str, form: NumberFormat) -> Decimal:
    found = list(find_numbers(text, form))
    if not found:
        raise ValueError(f"{text!r} holds no number")
    if not form.fractions and text[: found[-1].start].rstrip().endswith(("/", "\u2044")):
        raise ValueError(f"{text!r} holds a fraction: set fractions: true, or give a decimal")
    return found[-1].value


@lru_cache
def _digits(mark: DecimalMark) -> re.Pattern[str]:
    thousands = r"[,'’_\u00a0\u2009\u202f]" if mark == "." else r"[.'’_\u00a0\u2009\u202f]"
    point = re.escape(mark)
    return re.compile(
        rf"""
        (?P<number>
            # One separator throughout; 1,00,000 has pairs. At most ten groups keeps this linear.
            (?: \d{{1,3}} (?P<sep> {thousands} | \{{,\}} | \\, )
                (?: \d{{2,3}} (?P=sep) ){{0,10}} \d{{3}} (?!\d)
              | \d+ )
            (?: {point} \d+ )?
          | {point} \d+
        )
        (?: [eE] (?P<exponent> [{_MINUS}+]? \d{{1,4}} ) (?![\dA-Za-z])
          | \s? (?: [x×*·] | \\times | \\cdot ) \s? 10
            (?: \s? (?: \^ | \*\* ) \s? \{{? (?P<power> {_SIGN}? \d{{1,4}} ) (?!\d) \}}?
              | (?P<superscript> [⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{{1,4}} ) )
        )?
        """,
        re.VERBOSE,
    )


def _plain_numbers(text: str, mark: DecimalMark) -> Iterator[FoundNumber]:
    for match in _digits(mark).finditer(text):
        found = _found(match, text, mark)
        if found is not None:
            yield found


def _found(match: re.Match[str], text: str, mark: DecimalMark) -> FoundNumber | None:
    start, digits = match.start(), match["number"]
    before = text[start - 1 : start]
    if digits.startswith(mark):
        if before.isdigit():
            return None  # the tail of 1.2.3
        if mark == "," or before.isalpha() or before in {".", ")"}:
            start, digits = start + 1, digits[1:]  # the end of a sentence: `Total.5`
            before = mark
    prefix = _BEFORE.search(text, max(0, start - _BEFORE_CHARACTERS), start)
    assert prefix is not None  # noqa: S101 - every part of the expression is optional
    if before.isascii() and before.isalpha() and not prefix["currency"]:
        return None
    if match["sep"]:
        digits = digits.replace(match["sep"], "")
    value = Decimal(digits.replace(mark, ".") + "E" + _exponent(match))
    if _is_negative(prefix, text):
        value = value.copy_negate()
    signed = prefix.end() > prefix.start()
    return FoundNumber(value=value, start=start, end=match.end(), signed=signed)


def _exponent(match: re.Match[str]) -> str:
    written = match["exponent"] or match["power"] or match["superscript"] or "0"
    plain = written.translate(_SUPERSCRIPTS)
    return "-" + plain[1:] if plain[0] in _MINUS else plain.lstrip("+\uff0b")


def _is_negative(prefix: re.Match[str], text: str) -> bool:
    """A minus counts unless it is an operator, part of a word, or a dash: 10-3, GPT-4, --5."""
    outer, inner = prefix["outer"], prefix["inner"]
    if prefix["currency"] and inner:
        return inner in _MINUS
    if outer and inner:
        return False
    sign = outer or inner
    before = text[prefix.start() - 1 : prefix.start()]
    return bool(sign) and sign in _MINUS and not _NO_SIGN_AFTER.match(before)


def _percent_applied(found: FoundNumber, text: str, form: NumberFormat) -> FoundNumber:
    if form.percent == "number" or not _PERCENT.match(text, found.end):
        return found
    sign, digits, exponent = found.value.as_tuple()
    # Written numbers are finite, so the exponent is an integer; a division would round.
    value = Decimal((sign, digits, int(exponent) - 2))
    return FoundNumber(value=value, start=found.start, end=found.end, signed=found.signed)


def _spelled_out(character: str) -> str:
    """`½` as ` 1⁄2`, so that `2½` reads as a mixed number."""
    if unicodedata.decomposition(character).startswith("<fraction>"):
        return " " + unicodedata.normalize("NFKC", character)
    return character


def _with_fractions(found: list[FoundNumber], text: str) -> Iterator[FoundNumber]:
    """`found` with each `a/b` and `n a/b` as one number; dates (3/4/2025) stay as they are."""
    position = 0
    while position < len(found):
        for size in (3, 2):
            joined = _fraction(found[position : position + size], text, size=size)
            if joined is not None:
                break
        else:
            size, joined = 1, found[position]
        yield joined
        position += size


def _fraction(parts: list[FoundNumber], text: str, *, size: int) -> FoundNumber | None:
    if len(parts) < size or any(part.signed for part in parts[1:]) or not _all_short(parts):
        return None
    *whole, over, under = parts
    between = _SLASH.fullmatch(text, over.end, under.start)
    if between is None or under.value == 0 or _is_chain(text, over.start, under.end):
        return None
    value = Fraction(over.value) / Fraction(under.value)
    if whole:
        if text[whole[0].end : over.start] not in {" ", "\u00a0"}:
            return None
        size_of_whole = abs(Fraction(whole[0].value))
        value = (size_of_whole + value) * (-1 if whole[0].value.is_signed() else 1)
    with localcontext() as context:
        context.prec = 60
        number = Decimal(value.numerator) / Decimal(value.denominator)
    return FoundNumber(value=number, start=parts[0].start, end=under.end, signed=parts[0].signed)


def _all_short(parts: list[FoundNumber]) -> bool:
    return all(
        part.value == part.value.to_integral_value()
        and part.value.adjusted() < _LONGEST_FRACTION_PART
        for part in parts
    )


def _is_chain(text: str, start: int, end: int) -> bool:
    return text[max(0, start - 4) : start].rstrip()[-1:] in {"/", "\u2044"} or bool(
        _SLASH.match(text, end)
    )
