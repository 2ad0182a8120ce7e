// What the scores of a case say: who passes, who disagrees, what flipped.
"use strict";

(function (evalrunner) {
  const PASS = 0.5;

  // Tests of a score; null = unscored. Passed is what it is in summary.json and in calibrations.
  const RESULTS = {
    passed: (score) => score !== null && passes(score),
    failed: (score) => score !== null && !passes(score),
    full: (score) => score >= 1,
    partly: (score) => score > 0 && score < 1,
    zero: (score) => score === 0,
    unscored: (score) => score === null,
  };

  function passes(score) {
    return score >= PASS;
  }

  /** Whether a score is what `wanted` names; never where the cell has no such case. */
  function has(wanted, score) {
    return score !== undefined && (RESULTS[wanted]?.(score) ?? false);
  }

  function scores(index, row, cells) {
    return cells.map((cell) => index.score(row, cell)).filter((score) => typeof score === "number");
  }

  // A canary fails on purpose: that nobody agrees with it says nothing. Where fewer than two models
  // are shown, the question is about all candidates.
  function modelScores(index, row, cells) {
    const models = cells.filter((cell) => index.cells.get(cell).role !== "canary");
    return scores(index, row, models.length < 2 ? index.candidates : models);
  }

  /** Quality of one trial: of the scorer that `cell.quality` names, or of a criterion of it. */
  function trialScore(trial, cell) {
    const scorer = qualityScorer(trial, cell);
    const score = trial.scores?.[scorer] ?? null;
    if (score === null || scorer === cell.quality || !score.criteria?.length)
      return score?.value ?? null;
    const metric = cell.quality.slice(scorer.length + 1);
    const passed = score.criteria.find((each) => each.criterion === metric)?.passed ?? null;
    return passed === null ? null : Number(passed);
  }

  function qualityScorer(trial, cell) {
    const names = Object.keys(trial.scores ?? {});
    const { quality } = cell;
    return (
      names.find((each) => each === quality) ?? names.find((each) => quality.startsWith(`${each}.`))
    );
  }

  /** How far the models' scores are apart, in [0, 1]; null for fewer than two scores. */
  function spread(index, row, cells) {
    const found = modelScores(index, row, cells);
    return found.length < 2 ? null : Math.max(...found) - Math.min(...found);
  }

  function worst(index, row, cells) {
    const found = scores(index, row, cells);
    return found.length ? Math.min(...found) : null;
  }

  /** Scores at least half apart, or one model passes where another fails. */
  function disagree(index, row, cells) {
    const found = modelScores(index, row, cells);
    const passed = found.filter(passes).length;
    return (passed > 0 && passed < found.length) || (spread(index, row, cells) ?? 0) >= PASS;
  }

  /** One of the cells passes where the cell it is compared with fails, or the other way round. */
  function flipped(index, row, cells) {
    return cells.some((cell) => {
      const reference = index.cells.get(cell)?.reference ?? null;
      if (reference === null) return false;
      const [ours, theirs] = [index.score(row, cell), index.score(row, reference)];
      return (
        typeof ours === "number" && typeof theirs === "number" && passes(ours) !== passes(theirs)
      );
    });
  }

  /** People's labels and the score are at least half apart. */
  function peopleDisagree(index, row, cells) {
    return cells.some((cell) => {
      const [score, people] = [index.score(row, cell), index.people(row, cell)];
      return typeof score === "number" && people !== null && Math.abs(score - people) >= PASS;
    });
  }

  evalrunner.outcomes = {
    passes,
    has,
    trialScore,
    qualityScorer,
    spread,
    worst,
    disagree,
    flipped,
    peopleDisagree,
  };
})((globalThis.evalrunner ??= {}));
