"""Money for answers that were paid and not judged before the run ended."""

import pytest
from judge_desk import REQUEST_USD, Desk, summary_of

RUBRIC = ("scorer=rubric", "scorer.rubric.criteria=[Polite,Short]")


@pytest.fixture
def desk(tmp_path, wire, monkeypatch):
    monkeypatch.setenv("EVALRUNNER_CACHE_DIR", str(tmp_path / "cache"))
    return Desk(tmp_path / "project", wire)


def test_answers_that_were_paid_and_not_judged_yet_are_money_spent(desk, capsys):
    """The budget lets candidates through and no judge."""
    prices = {"cand-a": {"input": 1, "output": 4}, "judge-fair": {"input": 1000, "output": 4000}}
    desk.write("conf/pricing/even.yaml", {"source": "none", "overrides": prices})

    run = desk.run("model=a", "judge=fair", *RUBRIC, "run.budget_usd=1", code=4)

    assert len(desk.asked("cand")) == 3
    (cell,) = summary_of(run)["cells"]
    assert cell["cost"]["usd_spent"] == pytest.approx(3 * REQUEST_USD)
    assert cell["cost"]["usd_spent_at_least"] == pytest.approx(3 * REQUEST_USD)
    assert "spent: $0\n" not in capsys.readouterr().err
