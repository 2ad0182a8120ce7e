"""Whether quality in production moves: one line a week or month, held to the offline score.

Pure but for reading and appending the history. Scoring the records is a run like any other, planned
by `scoring` and executed by the command line.
"""
