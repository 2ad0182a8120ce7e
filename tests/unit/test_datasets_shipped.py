"""The data sets that ship: their cards are true, they load, and they are what they say."""

import hashlib
import json
import re
from collections import Counter

import pytest
import yaml

from evalrunner.datasets import CaseSet, DatasetSettings, load_cases
from evalrunner.project import Project, packaged

DATASETS = packaged("datasets")
FILES = sorted(path.name for path in DATASETS.glob("*.jsonl"))
CARDS = {
    name: dict(re.findall(r"^\| (\w+) \| (.+) \|$", text, flags=re.MULTILINE))
    for name, text in re.findall(
        r"^## (\S+)\n(.*?)(?=^## |\Z)",
        (DATASETS / "README.md").read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
}


def shipped(tmp_path, config: str, **changes) -> CaseSet:
    text = (packaged("conf") / "dataset" / f"{config}.yaml").read_text(encoding="utf-8")
    settings = DatasetSettings.model_validate(yaml.safe_load(text) | changes)
    return load_cases(settings, Project(tmp_path), seed=0)


def recorded(name: str) -> list[dict]:
    lines = (DATASETS / name).read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def test_every_file_has_a_card_and_every_card_a_file():
    assert sorted(CARDS) == FILES


@pytest.mark.parametrize("name", FILES)
def test_cards_tell_the_truth(name):
    data, card = (DATASETS / name).read_bytes(), CARDS[name]

    assert card["sha256"] == f"`{hashlib.sha256(data).hexdigest()}`"
    rows, size = data.count(b"\n"), len(data)
    assert re.fullmatch(rf"{rows:,} (cases|recorded answers), {size:,} bytes", card["size"])
    assert {"source", "licence", "made", "synthetic"} < card.keys()
    for licence in re.findall(r"\(LICENSE\.\w+\)", card["licence"]):
        assert (DATASETS / licence.strip("()")).stat().st_size > 1000


def test_banking77_takes_four_of_every_intent(tmp_path):
    cases = shipped(tmp_path, "banking77")

    per_intent = Counter(case.fields["expected_output"] for case in cases)
    assert len(cases) == 308
    assert (len(per_intent), set(per_intent.values())) == (77, {4})


def test_banking77_has_3080_cases_without_the_limit_and_knows_its_training_intents(tmp_path):
    cases = shipped(tmp_path, "banking77", limit=None)
    train = shipped(tmp_path, "banking77", path="datasets/banking77_train.jsonl", limit=None)

    assert (len(cases), len(train)) == (3080, 10003)
    assert {case.fields["expected_output"] for case in cases} == {
        case.fields["expected_output"] for case in train
    }


def test_gsm8k_has_a_number_and_both_recorded_answers_for_every_question(tmp_path):
    cases = shipped(tmp_path, "gsm8k")

    ids = [case.id for case in cases]
    assert len(ids) == 1319
    assert all(re.fullmatch(r"-?\d+", case.fields["expected_output"]) for case in cases)
    for name, model in (
        ("gsm8k_mixtral_8x7b.jsonl", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        ("gsm8k_gpt_4_1106.jsonl", "gpt-4-1106-preview"),
    ):
        rows = recorded(name)
        assert [row["case_id"] for row in rows] == ids
        assert {row["model"] for row in rows} == {model}
        assert all(row["output"].strip() for row in rows)


def test_recorded_answers_belong_to_their_questions(tmp_path):
    """An answer names its question's numbers far more often than those of the next question."""
    cases = shipped(tmp_path, "gsm8k")
    answers = [row["output"] for row in recorded("gsm8k_gpt_4_1106.jsonl")]
    numbers = [set(re.findall(r"\d+", case.input)) for case in cases]

    def shared(shift: int) -> float:
        pairs = zip(numbers, answers[shift:], strict=False)
        return sum(asked <= set(re.findall(r"\d+", answer)) for asked, answer in pairs) / 1319

    assert shared(0) > 0.6
    assert shared(1) < 0.1


def test_support_tickets_have_intents_rubrics_and_hard_cases(tmp_path):
    cases = shipped(tmp_path, "support_tickets")

    assert len(cases) == 40
    assert {case.fields["category"] for case in cases} == {
        "account",
        "billing",
        "cancellation",
        "refund",
        "shipping",
        "technical",
    }
    assert len({case.fields["expected_intent"] for case in cases}) == 12
    assert all(3 <= len(case.fields["rubric"]) <= 4 for case in cases)
    tags = Counter(tag for case in cases for tag in case.fields.get("tags", []))
    assert {"angry", "terse", "typos", "non_native", "other_language", "injection", "edge"} == set(
        tags
    )


def test_the_double_charge_ticket_has_the_rubric_of_the_documentation(tmp_path):
    rubrics = [case.fields["rubric"] for case in shipped(tmp_path, "support_tickets")]

    assert [
        "Acknowledges the double charge",
        "Apologizes for the inconvenience",
        "Provides clear next steps",
        "Tone is empathetic",
    ] in rubrics
