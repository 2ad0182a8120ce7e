"""Forms that come from other tools, or go to them."""

from evalrunner.exchange.leaderboard import Columns, leaderboard_summary, read_leaderboard

__all__ = ["Columns", "leaderboard_summary", "read_leaderboard"]
