"""Foreign text in a judge's prompt: cut, made inert, and put between marks nobody could foresee.

The marks hold a number made from everything that is fenced: who writes a text cannot know it, and
an equal question has an equal one, so that its answer is found again in the cache.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from evalrunner.types import sha256_of

NONCE_DIGITS = 32

_OPENING, _CLOSING = "<＜﹤‹«≪⟨⟪〈《❮", ">＞﹥›»≫⟩⟫〉》❯"
_MARKS = re.compile(f"[{_OPENING}]{{3,}}|[{_CLOSING}]{{3,}}|[⋘⋙]")
"""What could pass for the beginning or the end of a fence."""

_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
"""Control, zero-width, direction and tag characters, fillers, halves of characters.

Listed here because Unicode's own categories change with the version of Python, and requests must
not.
"""
_JOINERS = "\u200c\u200d"
_LONGEST_RUN = 8


@dataclass(frozen=True, slots=True)
class Fenced:
    """Foreign texts, ready to stand in a prompt."""

    blocks: Mapping[str, str]
    """Each with its marks, by its name."""
    notes: tuple[str, ...]
    """What was left out: `answer cut to 20,000 characters`."""


def fenced(
    texts: Mapping[str, str],
    *,
    identity: Sequence[str],
    max_characters: int,
    disarm: Callable[[str], str],
) -> Fenced:
    """All foreign texts of one prompt between marks with one common number.

    Args:
        texts: By name, which the marks show in capitals.
        identity: What else the number depends on: the template's hash and the case's id.
        max_characters: Longer texts lose their middle.
        disarm: Breaks what could be read as a verdict: `VerdictForm.disarmed`.
    """
    shown = {name: disarm(inert(cut(text, max_characters))) for name, text in texts.items()}
    nonce = _nonce(shown, identity)
    blocks = {
        name: f"<<<{name.upper()} {nonce}\n{text}\n{name.upper()} {nonce}>>>"
        for name, text in shown.items()
    }
    limit = f"cut to {max_characters:,} characters"
    notes = tuple(f"{name} {limit}" for name, text in texts.items() if len(text) > max_characters)
    return Fenced(blocks, notes)


def cut(text: str, limit: int) -> str:
    """`text` with at most `limit` of its characters, a visible mark in place of its middle."""
    left_out = len(text) - limit
    if left_out <= 0:
        return text
    tail = limit // 2
    mark = f" [… {left_out:,} characters cut …] "
    return f"{text[: limit - tail]}{mark}{text[len(text) - tail :]}"


def inert(text: str) -> str:
    """`text` with everything invisible written out and nothing that looks like a fence."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return _MARKS.sub(_spaced, _INVISIBLE.sub(_written_out, unified))


def _written_out(found: re.Match[str]) -> str:
    run = found.group()
    if run in _JOINERS and _joins_letters(found):
        return run
    if len(run) > _LONGEST_RUN:
        return f"[… {len(run):,} invisible characters …]"
    return run.encode("unicode_escape").decode("ascii")


def _joins_letters(found: re.Match[str]) -> bool:
    """Whether it stands where scripts such as Persian, and emoji, need it."""
    whole, start, end = found.string, found.start(), found.end()
    if start == 0 or end == len(whole):
        return False
    return not whole[start - 1].isascii() and not whole[end].isascii()


def _spaced(found: re.Match[str]) -> str:
    run = found.group()
    return " ".join(run) if len(run) > 1 else run.encode("unicode_escape").decode("ascii")


def _nonce(texts: Mapping[str, str], identity: Sequence[str]) -> str:
    nonce = sha256_of([*identity, dict(texts)])[:NONCE_DIGITS]
    while any(nonce in text for text in texts.values()):
        nonce = sha256_of([nonce])[:NONCE_DIGITS]
    return nonce
