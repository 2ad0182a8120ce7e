"""Scorers of your own: each function with the decorator can be named in conf/scorer/*.yaml."""

import evalrunner

TEAMS = {"billing", "delivery", "account"}


@evalrunner.scorer
def is_team(output: str) -> bool:
    """Whether software could use the answer as it is: a team's name and nothing else."""
    return output.strip() in TEAMS
