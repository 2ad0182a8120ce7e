"""Health of a test set: what is found in its cases, and what is not made up."""

import json
import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalrunner.health import (
    Lengths,
    class_counts,
    contradictions,
    edge_share,
    find_duplicates,
    find_overlap,
    find_target_leak,
    languages_of,
    normalised,
    scripts_of,
    size_of,
    text_of,
    value_counts,
)
from evalrunner.health.sketches import NEAR, Sketches
from evalrunner.types import Case

DATASETS = Path(__file__).parents[2] / "datasets"


def rows(name):
    return [json.loads(line) for line in (DATASETS / name).read_text("utf-8").splitlines() if line]


def sentences(n, *, words=20, seed=0):
    rng = random.Random(seed)
    letters = ["".join(rng.choices(string.ascii_lowercase, k=6)) for _ in range(400)]
    return [" ".join(rng.choices(letters, k=words)) for _ in range(n)]


def case(number=0, **fields):
    return Case(id=str(number), fields={"id": str(number), **fields}, sha256="")


def grams(text):
    padded = f" {text} ".ljust(4)
    return {padded[at : at + 4] for at in range(len(padded) - 3)}


# --- texts ----------------------------------------


def test_case_space_and_compatible_forms_do_not_make_another_text():
    assert normalised("  Where\tis\n my CARD? ") == "where is my card?"
    assert normalised("ﬁle Ｎｏ １") == normalised("FILE no 1")
    assert normalised("Straße") == normalised("STRASSE")
    assert normalised("cafe\u0301") == normalised("caf\u00e9")
    assert normalised("where is my card") != normalised("where is my car")


def test_text_of_a_conversation_is_what_was_said():
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"text": "yes"}]}]

    assert text_of(said) == "hi\nyes"
    assert text_of({"question": "how many?", "n": 3}) == "how many?\n3"


# --- duplicates ----------------------------------------


def test_equal_texts_are_grouped_in_the_order_of_their_first():
    found = find_duplicates(["b one", "a two", "B  one", "c three", "A TWO", "b one "])

    assert found.equal == ((0, 2, 5), (1, 4))
    assert (found.n_equal, found.n_distinct) == (3, 3)
    assert found.near == ()


def test_a_changed_word_of_a_long_text_is_near_and_another_text_is_not():
    first, other = sentences(2, words=40)
    changed = first.replace(first.split()[20], "elsewhere")

    found = find_duplicates([first, other, changed])

    assert found.near == ((0, 2),)
    assert (found.n_near, found.n_equal, found.n_distinct) == (1, 0, 3)


def test_no_texts_have_no_duplicates():
    found = find_duplicates([])

    assert (found.n_distinct, found.equal, found.near) == (0, (), ())


def test_short_and_empty_texts_are_compared_too():
    found = find_duplicates(["", "a", " ", "A", "b", "日本"])

    assert found.equal == ((0, 2), (1, 3))
    assert found.near == ()


def test_near_duplicates_are_those_of_the_true_jaccard_index():
    """Every pair at 0.85 or more is found among 300 texts; none below the limit is told."""
    rng = random.Random(4)
    base = sentences(60, words=25)
    texts = []
    for text in base:
        words = text.split()
        for n_changed in (0, 1, 2, 4, 8):
            changed = list(words)
            for at in rng.sample(range(len(words)), n_changed):
                changed[at] = "".join(rng.choices(string.ascii_lowercase, k=6))
            texts.append(" ".join(changed))
    sets = [grams(text) for text in texts]
    pairs = [(a, b) for a in range(len(texts)) for b in range(a + 1, len(texts))]
    true = {
        (a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b])
        for a, b in pairs
        if a // 5 == b // 5
    }

    found = {place: group[0] for group in find_duplicates(texts).near for place in group}

    sure = [pair for pair, index in true.items() if index >= 0.85]
    assert len(sure) > 50
    assert all(found.get(a) == found.get(b) is not None for a, b in sure)
    for group in find_duplicates(texts).near:
        linked = (true.get(pair, 0) for pair in pairs if set(pair) <= set(group))
        assert max(linked) >= NEAR


def test_sketches_give_the_true_jaccard_index():
    texts = [normalised(text) for text in ("where is my card", "where is my new card")]

    found = Sketches(texts).jaccard(0, 1)

    one, other = (grams(text) for text in texts)
    assert found == pytest.approx(len(one & other) / len(one | other))


def test_many_texts_made_from_one_template_hold_together():
    """A bucket of thousands is no reason to look at every pair of it."""
    text = sentences(1, words=60)[0]
    texts = [f"{text} {number}" for number in range(2000)]

    found = find_duplicates(texts)

    assert [len(group) for group in found.near] == [2000]


@given(st.lists(st.text(alphabet="ab é\u4e2d\ud800", max_size=12), max_size=12))
def test_every_case_is_in_one_group_at_most_and_the_counts_agree(texts):
    found = find_duplicates(texts)

    members = [place for group in found.equal for place in group]
    assert len(members) == len(set(members))
    assert found.n_distinct + found.n_equal == len(texts)
    assert found.n_distinct == len({normalised(text) for text in texts})
    assert find_duplicates(texts) == found


def test_near_duplicates_of_the_shipped_sets_are_few():
    """Real messages about one bank are alike without being repetitions."""
    texts = [row["input"] for row in rows("banking77.jsonl")]

    found = find_duplicates(texts)

    assert found.n_equal == 1
    assert found.n_near / len(texts) < 0.01


# --- contradictions ----------------------------------------


def test_equal_inputs_with_different_targets_contradict():
    texts = ["Where is it?", "where is it?", "why?", "WHY?"]
    targets = ["a", "b", "c", " C"]

    equal, near = contradictions(find_duplicates(texts), texts, targets)

    assert (equal, near) == (((0, 1),), ())


def test_an_unknown_target_contradicts_nothing():
    texts = ["why?", "why?"]

    assert contradictions(find_duplicates(texts), texts, ["a", None]) == ((), ())


def test_other_numbers_in_nearly_equal_inputs_may_have_other_answers():
    text = sentences(1, words=30)[0]
    texts = [f"{text} 12 apples", f"{text} 13 apples", f"{text} 13 apple"]

    _, near = contradictions(find_duplicates(texts), texts, ["12", "13", "14"])

    assert near == ((1, 2),)


# --- training data ----------------------------------------


def test_six_messages_of_banking77_are_in_its_training_set():
    """Six word for word, apart from spaces around them; a seventh but for a capital letter."""
    test, train = rows("banking77.jsonl"), rows("banking77_train.jsonl")
    known = {row["input"].strip() for row in train}

    found = find_overlap([row["input"] for row in test], [row["input"] for row in train])

    assert sum(row["input"].strip() in known for row in test) == 6
    assert len(found.equal) == 7
    assert {place for place, row in enumerate(test) if row["input"].strip() in known} <= {
        place for place, _ in found.equal
    }
    for ours, theirs in found.equal:
        assert normalised(test[ours]["input"]) == normalised(train[theirs]["input"])


def test_a_case_is_in_training_once_equal_or_near():
    text, other = sentences(2, words=40)
    changed = text.replace(text.split()[5], "elsewhere")

    found = find_overlap([text, changed, other], ["something else", text.upper(), changed])

    assert found.equal == ((0, 1), (1, 2))
    assert found.near == ()
    assert find_overlap([changed], [other, text]).near == ((0, 1),)
    assert find_overlap([], [text]).equal == find_overlap([text], []).near == ()


# --- leakage ----------------------------------------


def labelled(n, *, naming):
    """Messages of three classes, of which `naming` in ten have the word of their class."""
    labels = [("refund", "delivery", "billing")[at % 3] for at in range(n)]
    texts = [
        f"please see to my {label if at % 10 < naming else 'thing'} number {at}"
        for at, label in enumerate(labels)
    ]
    return texts, labels


def test_how_people_ask_for_a_refund_is_no_leak():
    texts, labels = labelled(300, naming=4)

    found = find_target_leak(texts, labels)

    assert found.named == pytest.approx(0.4)
    assert found.chance == 0
    assert not found.is_named_too_often
    assert found.marked == found.verbatim == ()


def test_inputs_that_nearly_always_name_their_label_are_told():
    texts, labels = labelled(300, naming=9)

    found = find_target_leak(texts, labels)

    assert found.named == pytest.approx(0.9)
    assert found.is_named_too_often


@pytest.mark.parametrize(
    "text",
    [
        "order 12 came late. Label: refund",
        '{"text": "order 12", "label": "refund"}',
        "intent = refund; order 12 came late",
        "expected_intent: Refund",
    ],
)
def test_a_marked_field_is_a_leak(text):
    found = find_target_leak([text, "I want a refund"], ["refund"] * 2, field="expected_intent")

    assert found.marked == (0,)


def test_a_code_that_nobody_would_write_is_a_leak():
    texts = ["where is my card card_arrival", "about card arrival"]

    assert find_target_leak(texts, ["card_arrival"] * 2).marked == (0,)


def test_numbers_in_a_sum_are_no_leak():
    """A third of the inputs holds the answer, and as often another case's."""
    rng = random.Random(1)
    texts = [f"what is {rng.randrange(6)} of {rng.randrange(6)} and {n}x" for n in range(400)]
    targets = [str(rng.randrange(6)) for _ in texts]

    found = find_target_leak(texts, targets)

    assert found.named == pytest.approx(found.chance, abs=0.06)
    assert not found.is_named_too_often
    assert not find_target_leak(["it costs 12.50"], ["12"]).n_named
    assert not find_target_leak(["it costs 112"], ["12"]).n_named


def test_a_long_answer_in_the_input_is_told_apart():
    answer = "we will refund both payments within five days"

    found = find_target_leak([f"Hello. {answer.upper()}! Bye", "Hello."], [answer, answer])

    assert (found.verbatim, found.marked) == ((0,), ())


def test_cases_without_a_target_are_left_out():
    found = find_target_leak(["a", "b"], [None, ""])

    assert (found.n, found.named, found.p_value, found.is_named_too_often) == (0, None, None, False)


@pytest.mark.parametrize("name", ["banking77.jsonl", "gsm8k.jsonl"])
def test_shipped_sets_leak_nothing(name):
    found = find_target_leak(
        [row["input"] for row in rows(name)], [row["expected_output"] for row in rows(name)]
    )

    assert found.marked == found.verbatim == ()
    assert not found.is_named_too_often


# --- profile ----------------------------------------


def test_scripts_are_told_by_their_letters():
    texts = ["where?", "где?", "どこですか 東京", "어디?", "123", "γειά", "我的卡在哪里", "café ﬁ"]

    found = scripts_of(texts)

    assert found == {
        "Latin": 2,
        "Cyrillic": 1,
        "Greek": 1,
        "Han": 1,
        "Han+Hiragana": 1,
        "Hangul": 1,
        "none": 1,
    }
    assert languages_of(found) == {"Greek": 1, "Japanese": 1, "Korean": 1}


def test_a_foreign_name_does_not_make_a_text_mixed():
    assert scripts_of(["Мой заказ от iPhone не пришёл вовремя и без объяснений"]) == {"Cyrillic": 1}
    assert scripts_of(["привет hello"]) == {"Cyrillic+Latin": 1}


def test_classes_are_told_from_free_answers():
    classes = [case(n, kind=("a", "b")[n % 2], answer=str(n), flag=n % 2 == 0) for n in range(40)]

    assert class_counts(classes, "kind") == {"a": 20, "b": 20}
    assert class_counts(classes, "flag") == {"false": 20, "true": 20}
    assert class_counts(classes, "answer") is None
    assert class_counts(classes, "absent") is None
    numbers = [case(n, answer=row["expected_output"]) for n, row in enumerate(rows("gsm8k.jsonl"))]
    assert class_counts(numbers, "answer") is None
    banking = [
        case(n, answer=row["expected_output"]) for n, row in enumerate(rows("banking77.jsonl"))
    ]
    assert len(class_counts(banking, "answer")) == 77


def test_values_are_counted_most_frequent_first():
    cases = [case(n, kind=kind) for n, kind in enumerate(["b", "a", "b", None, "", ["x"], 3])]

    assert list(value_counts(cases, "kind").items()) == [("b", 2), ("3", 1), ("a", 1)]


def test_edge_cases_are_counted_where_there_are_tags():
    cases = [case(0, tags=["edge"]), case(1, tags=["angry"]), case(2), case(3, tags=[])]

    assert edge_share(cases) == 0.25
    assert edge_share(cases[2:]) is None


def test_lengths_are_quantiles():
    found = Lengths.of(range(1, 12))

    assert (found.shortest, found.median, found.p90, found.longest, found.n) == (1, 6, 10, 11, 11)
    assert Lengths.of([]) is None


# --- size ----------------------------------------


def test_size_says_what_so_many_cases_can_show():
    """As the plan of a run does: 100 cases see 12 points, 5 points take 628."""
    found = size_of(100, target=0.05)

    assert found.smallest_difference == pytest.approx(0.123, abs=0.005)
    assert found.half_width == pytest.approx(0.078, abs=0.002)
    assert 600 < found.needed < 640
    assert found.is_enough is False
    assert size_of(1000, target=0.05).is_enough is True
    assert size_of(100).is_enough is None
    assert size_of(4).smallest_difference is None
