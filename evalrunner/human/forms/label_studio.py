"""Tasks for Label Studio: a file of tasks to import, and the labeling configuration.

A configuration is one for the whole project while criteria differ from case to case, so a rubric
becomes one task a criterion: the criterion is data, its question always the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from evalrunner.human.forms.texts import criteria_text, input_text, plain
from evalrunner.types.people import Task

# Both outputs get the same classes: nothing but the place tells them apart.
_PAIRWISE = """<View>
  <Style>
    .pair { display: flex; gap: 16px; align-items: stretch; }
    .output { flex: 1 1 0; min-width: 0; border: 1px solid #8884; padding: 0 12px 12px; }
  </Style>
  <Text name="instructions" value="$instructions" selectionEnabled="false"/>
  <Header value="Input" size="5"/>
  <Text name="input" value="$input" selectionEnabled="false"/>
  <Header value="Criteria" size="5"/>
  <Text name="rating_criteria" value="$rating_criteria" selectionEnabled="false"/>
  <View className="pair">
    <View className="output">
      <Header value="Left" size="5"/>
      <Text name="output_a" value="$output_a" selectionEnabled="false"/>
    </View>
    <View className="output">
      <Header value="Right" size="5"/>
      <Text name="output_b" value="$output_b" selectionEnabled="false"/>
    </View>
  </View>
  <Choices name="vote" toName="input" choice="single-radio" showInline="true" required="true">
    <Choice value="Left is better" alias="left" hotkey="1"/>
    <Choice value="Right is better" alias="right" hotkey="2"/>
    <Choice value="Tie" alias="tie" hotkey="3"/>
    <Choice value="Both are bad" alias="both_bad" hotkey="4"/>
  </Choices>
  <TextArea name="note" toName="input" placeholder="Note (optional)" maxSubmissions="1" rows="2"/>
</View>
"""

_RUBRIC = """<View>
  <Style>
    .output { border: 1px solid #8884; padding: 0 12px 12px; }
  </Style>
  <Text name="instructions" value="$instructions" selectionEnabled="false"/>
  <Header value="Input" size="5"/>
  <Text name="input" value="$input" selectionEnabled="false"/>
  <View className="output">
    <Header value="Output" size="5"/>
    <Text name="output_a" value="$output_a" selectionEnabled="false"/>
  </View>
  <Header value="Does the output meet this criterion?" size="5"/>
  <Text name="criterion" value="$criterion" selectionEnabled="false"/>
  <Choices name="label" toName="input" choice="single-radio" showInline="true" required="true">
    <Choice value="Met" alias="met" hotkey="1"/>
    <Choice value="Not met" alias="not_met" hotkey="2"/>
  </Choices>
  <TextArea name="note" toName="input" placeholder="Note (optional)" maxSubmissions="1" rows="2"/>
</View>
"""


def write_label_studio(tasks: Sequence[Task]) -> dict[str, str]:
    """Texts of the files by suffix: tasks of one kind, and the configuration for them."""
    is_pairwise = any(task.kind == "pairwise" for task in tasks)
    rows = [{"data": data} for task in tasks for data in _data(task)]
    return {
        ".label-studio.json": json.dumps(rows, indent=1, allow_nan=False) + "\n",
        ".label-studio.xml": _PAIRWISE if is_pairwise else _RUBRIC,
    }


def _data(task: Task) -> Iterator[dict[str, str]]:
    shown = {
        "task_id": task.task_id,
        "rater": task.rater,
        "instructions": plain(task.instructions),
        "input": input_text(task.input),
        "output_a": plain(task.output_a),
    }
    if task.kind == "pairwise":
        yield shown | {
            "output_b": plain(task.output_b or ""),
            "rating_criteria": criteria_text(task.rating_criteria),
        }
        return
    for criterion in task.rating_criteria:
        yield shown | {"criterion": plain(criterion)}
