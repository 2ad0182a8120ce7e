"""A leaderboard as points: aggregates by model, for a frontier and a figure of their own.

Aggregates have no cases: what could be told from the same cases on both sides (differences, the
chance to be on the frontier, a recommendation) cannot be told from them, and the summary says so.
"""

from evalrunner.exchange.leaderboard.rows import Columns, Row, read_leaderboard
from evalrunner.exchange.leaderboard.summary import leaderboard_summary

__all__ = ["Columns", "Row", "leaderboard_summary", "read_leaderboard"]
