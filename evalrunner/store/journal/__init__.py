"""The journal: append only, a checksum a line, synced in groups."""

from evalrunner.store.journal.lines import (
    CorruptLineError,
    Line,
    cut_torn_tail,
    decode_line,
    encode_line,
    is_whole,
    quarantine,
    read_at,
    read_lines,
)
from evalrunner.store.journal.writer import JournalWriter

__all__ = [
    "CorruptLineError",
    "JournalWriter",
    "Line",
    "cut_torn_tail",
    "decode_line",
    "encode_line",
    "is_whole",
    "quarantine",
    "read_at",
    "read_lines",
]
