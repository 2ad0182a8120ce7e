// What every scorer and judge said of an answer: criteria, reasons, evidence, single judgements.
"use strict";

(function (evalrunner) {
  // As the rubric scorer writes it behind a criterion's reason.
  const EVIDENCE = /^([^]*?) ?\(evidence: ([^]*)\)$/;
  const RECORDED = -1;

  const { make, name, visible, fold } = evalrunner.dom;

  /** All scores of a trial, the one that decides quality first. */
  function all(trial, { cell, index }) {
    const first = evalrunner.outcomes.qualityScorer(trial, cell);
    const names = Object.keys(trial.scores ?? {}).sort((a, b) => (b === first) - (a === first));
    const made = names.map((each) => one(each, trial.scores[each], index));
    return made.length ? make("div", { class: "scores" }, made) : null;
  }

  function one(scorer, score, index) {
    const judgements = score.judgements ?? [];
    const isPlain =
      judgements.length === 1 && !judgements[0].is_retest && judgements[0].value !== null;
    return make(
      "div",
      { class: "score" },
      make("p", { class: "score-head" }, make("strong", {}, name(scorer)), " ", verdict(score)),
      reason(score.reason),
      criteria(score.criteria),
      judgements.length === 0 || (isPlain && judgements[0].opponent === null)
        ? null
        : judgementFold(judgements, index),
    );
  }

  function verdict(score) {
    const label =
      score.label === null || score.label === undefined ? [] : [" · ", name(score.label)];
    const value = score.value === null ? "unscored" : evalrunner.format.percent(score.value);
    return make("span", {}, value, label);
  }

  function reason(text) {
    return text ? make("p", { class: "score-reason", dir: "auto" }, visible(text)) : null;
  }

  function criteria(list) {
    if (!list?.length) return null;
    return make("ul", { class: "criteria" }, list.map(criterion));
  }

  function criterion({ criterion: text, passed, reason: said }) {
    const [, why, evidence] = EVIDENCE.exec(said ?? "") ?? [null, said, null];
    return make(
      "li",
      {},
      evalrunner.mark.ofCriterion(passed),
      make(
        "div",
        {},
        make("span", { class: "criterion", dir: "auto" }, visible(text)),
        reason(why),
        evidence ? make("blockquote", { dir: "auto", title: "Evidence" }, visible(evidence)) : null,
      ),
    );
  }

  function judgementFold(judgements, index) {
    const failed = judgements.filter((each) => each.value === null).length;
    const noun = judgements.length === 1 ? "judgement" : "judgements";
    const errors = failed ? `, ${failed} failed` : "";
    const title = `${evalrunner.format.count(judgements.length)} ${noun}${errors}`;
    return fold(title, (body) => body.append(...judgements.map((each) => judgement(each, index))), {
      open: failed > 0,
    });
  }

  function judgement(each, index) {
    const facts = [
      each.sample > 0 ? `sample ${each.sample + 1}` : null,
      each.is_retest ? "asked again only to measure the judge" : null,
      opponent(each, index),
    ].filter(Boolean);
    return make(
      "div",
      { class: `judgement${each.value === null ? " is-failed" : ""}` },
      make("p", {}, make("strong", {}, name(each.judge)), " ", verdict(each)),
      facts.length ? make("p", { class: "answer-none" }, facts.join(" · ")) : null,
      reason(each.reason),
      criteria(each.criteria),
    );
  }

  function opponent(each, index) {
    if (each.opponent === null || each.opponent === undefined) return null;
    const other =
      each.opponent === RECORDED
        ? "the recorded reference"
        : visible(index.cells.get(each.opponent)?.label ?? "?");
    return `against ${other}, this answer ${each.is_first ? "first" : "second"}`;
  }

  evalrunner.scores = { all };
})((globalThis.evalrunner ??= {}));
