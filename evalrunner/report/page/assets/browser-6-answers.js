// The answers of the shown cells side by side: text or word diff, score, and what each cost.
"use strict";

(function (evalrunner) {
  const { make, button, name, prose, textOf, visible, fold } = evalrunner.dom;

  /**
   * One column per cell. `view` is kept from case to case: `against` ("", "expected" or a cell's
   * number as text: what the diff compares with) and `repeats` (the repeat shown, by cell).
   */
  function columns(found, view) {
    const made = found.cells.map((cell) => {
      const column = make("section", { class: "answer" });
      drawColumn(column, { found, cell, view });
      return column;
    });
    return make(
      "div",
      {
        class: "answers",
        role: "region",
        tabindex: "0",
        "aria-label": "Answers of the shown cells",
      },
      made,
    );
  }

  function drawColumn(column, { found, cell, view }) {
    const trials = found.entry.trials[cell.id] ?? [];
    const trial = trials.find((each) => each.repeat === view.repeats.get(cell.id)) ?? trials[0];
    const choose = (repeat) => {
      view.repeats.set(cell.id, repeat);
      drawColumn(column, { found, cell, view });
      column.querySelector("[aria-pressed=true]")?.focus();
    };
    const parts = trial
      ? trialParts(trial, { found, cell, view })
      : [make("p", { class: "answer-none" }, "This cell has no trial of this case.")];
    column.replaceChildren(
      heading(trials, { found, cell }),
      ...(trials.length > 1 ? [repeats(trials, { cell, trial, choose })] : []),
      ...parts,
    );
  }

  /** The cell and what it scored on the case: of repeats the mean, as in the list. */
  function heading(trials, { found, cell }) {
    const [score, letter] = [found.score(cell.id), found.status(cell.id)];
    const people = found.people(cell.id);
    const n = trials.filter((each) => evalrunner.outcomes.trialScore(each, cell) !== null).length;
    const label = make(
      "a",
      { href: `#cell-${cell.id}`, title: "This cell in the table" },
      name(cell.label),
    );
    return make(
      "header",
      {},
      make(
        "h4",
        {},
        label,
        cell.role === "candidate" ? null : make("span", { class: "browser-role" }, cell.role),
      ),
      make(
        "p",
        { class: "answer-score" },
        trials.length ? evalrunner.mark.ofScore(score, letter, cell.label) : null,
        trials.length ? make("strong", {}, evalrunner.format.percent(score)) : null,
        trials.length > 1 ? make("span", { class: "answer-mean" }, meanOf(n, trials.length)) : badge(trials[0]),
        people === null ? null : make("span", {}, `people: ${evalrunner.format.percent(people)}`),
      ),
    );
  }

  function meanOf(n, total) {
    const { count } = evalrunner.format;
    if (n === 0) return `none of ${count(total)} repeats is scored`;
    return `mean of ${n === total ? "" : `the ${count(n)} scored of `}${count(total)} repeats`;
  }

  /** What became of a trial that did not go well. */
  function badge(trial) {
    if (!trial || trial.status === "ok") return null;
    return make("span", { class: "answer-status" }, visible(trial.status));
  }

  /** The letter that the index would have for one trial. */
  function statusLetter(trial, cell) {
    if (trial.status !== "ok") return trial.status[0];
    return evalrunner.outcomes.trialScore(trial, cell) === null ? "u" : "o";
  }

  function repeats(trials, { cell, trial, choose }) {
    const buttons = trials.map((each) => {
      const number = each.repeat + 1;
      const score = evalrunner.outcomes.trialScore(each, cell);
      const made = button(`${number} `, () => choose(each.repeat), {
        "aria-pressed": String(each === trial),
      });
      made.append(evalrunner.mark.ofScore(score, statusLetter(each, cell), `repeat ${number}`));
      return made;
    });
    return make(
      "div",
      { class: "answer-repeats", role: "group", "aria-label": "Repeats" },
      "repeat",
      buttons,
      ...[badge(trial)].filter(Boolean),
    );
  }

  function trialParts(trial, { found, cell, view }) {
    return [
      output(trial, { found, cell, view }),
      spent(trial),
      evalrunner.scores.all(trial, { cell, index: found.index }),
      promptFold(trial, found.entry),
      evalrunner.raw.fold(found, { cell, trial }),
    ].filter(Boolean);
  }

  function output(trial, { found, cell, view }) {
    const text = textOf(trial.output);
    const parts = [];
    if (trial.output === null) parts.push(make("p", { class: "answer-none" }, "No output."));
    else parts.push(...compared(text, reference(found, { cell, view, trial })));
    const said = [
      ["Error", trial.error && `${trial.error.kind}: ${trial.error.message}`],
      ["Stop reason", trial.stop_reason === "complete" ? null : trial.stop_reason],
      ["Detail", trial.detail],
    ];
    for (const [title, content] of said) {
      if (content)
        parts.push(make("p", { class: "answer-said" }, `${title}: `, name(textOf(content))));
    }
    return make("div", { class: "answer-output" }, parts);
  }

  /** What the answer is compared with; null when it is shown as it is. */
  function reference(found, { cell, view, trial }) {
    if (view.against === "expected") return found.entry.expected;
    if (view.against === "" || Number(view.against) === cell.id) return null;
    const others = found.entry.trials[view.against] ?? [];
    return (others.find((each) => each.repeat === trial.repeat) ?? others[0])?.output ?? null;
  }

  function compared(text, other) {
    if (other === null || other === undefined) return [prose(text)];
    const parts = evalrunner.diff(textOf(other), text);
    if (parts === null) {
      const why = "Too different, or too long, for a word diff.";
      return [make("p", { class: "answer-none" }, why), prose(text)];
    }
    const shown = prose("", { class: "word-diff" });
    for (const part of parts) {
      const words = visible(part.text);
      shown.append(part.kind === "same" ? words : make(part.kind, {}, words));
    }
    const isEqual = parts.every((part) => part.kind === "same");
    return isEqual ? [shown, make("p", { class: "answer-none" }, "Equal.")] : [shown];
  }

  function spent(trial) {
    const { tokens, count } = evalrunner.format;
    const facts = [
      ["cost", trial.shown.cost],
      ["latency", trial.shown.latency],
      ["tokens", tokens(trial.usage)],
      ["attempts", trial.attempts > 1 ? count(trial.attempts) : null],
      ["answered by", trial.cached ? "our cache" : null],
      ["model", trial.served_model],
    ].filter(([, content]) => content);
    const lines = facts.map(([title, content]) => [
      make("dt", {}, title),
      make("dd", {}, name(content)),
    ]);
    return make("dl", { class: "answer-spent" }, lines.flat());
  }

  function promptFold(trial, entry) {
    const prompt = entry.prompts?.[trial.prompt];
    if (!prompt) return null;
    return fold("Prompt as sent", (body) => {
      const user =
        typeof prompt.user === "string" ? [{ role: "user", content: prompt.user }] : prompt.user;
      const system = prompt.system === null ? [] : [{ role: "system", content: prompt.system }];
      body.append(evalrunner.facts.conversation([...system, ...user]));
    });
  }

  evalrunner.answers = { columns };
})((globalThis.evalrunner ??= {}));
