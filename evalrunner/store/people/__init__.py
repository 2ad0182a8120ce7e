"""What people said of a run's outputs: tasks and their key, votes, and labels."""

from evalrunner.store.people.export import (
    HumanExport,
    human_directory,
    locked_tasks,
    read_export,
    read_secrets,
    write_export,
    write_secrets,
)
from evalrunner.store.people.labels import LABELS, append_labels, label_from_json, read_labels
from evalrunner.store.people.votes import (
    LONGEST_NOTE,
    VOTES,
    VoteJournal,
    append_votes,
    read_votes,
    vote_from_json,
    vote_json,
)

__all__ = [
    "LABELS",
    "LONGEST_NOTE",
    "VOTES",
    "HumanExport",
    "VoteJournal",
    "append_labels",
    "append_votes",
    "human_directory",
    "label_from_json",
    "locked_tasks",
    "read_export",
    "read_labels",
    "read_secrets",
    "read_votes",
    "vote_from_json",
    "vote_json",
    "write_export",
    "write_secrets",
]
