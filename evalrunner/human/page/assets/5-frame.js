// What stands around a task: progress, the buttons for answers, messages, the end.
"use strict";

(function (rating) {
  const { make, visible, byId, spent } = rating.dom;

  const CHOICES = {
    pairwise: [
      ["1", "Response 1 is better", "left", "1 ArrowLeft"],
      ["2", "Response 2 is better", "right", "2 ArrowRight"],
      ["3", "Tie", "tie", "3"],
      ["4", "Both bad", "both_bad", "4"],
    ],
    rubric: [
      ["1", "Met", 1, "1"],
      ["2", "Not met", 0, "2"],
    ],
  };
  const QUESTIONS = {
    pairwise: "Which response is better?",
    rubric: "Does the response meet each criterion?",
  };

  /** Answers and tools of a task; `actions` by key. */
  function buttons(kind, actions) {
    const choices = CHOICES[kind].map(([key, label, value, shortcuts]) =>
      button(key, label, actions[key], { class: "choice", "data-value": value, shortcuts }),
    );
    const onward = button("c", "Go on without a change", actions.c, { id: "onward" });
    byId("choices").replaceChildren(...choices, onward);
    byId("tools").replaceChildren(
      button("s", "Skip", actions.s, { "data-value": kind === "pairwise" ? "skip" : "null" }),
      button("f", "Flag", actions.f, { id: "flag" }),
      button("n", "Note", actions.n, { id: "note-button" }),
      button("u", "Undo", actions.u, { id: "undo" }),
    );
    byId("question").textContent = QUESTIONS[kind];
    byId("choices").setAttribute("aria-label", QUESTIONS[kind]);
  }

  function button(key, label, listener, { shortcuts = key, ...options }) {
    return make(
      "button",
      {
        type: "button",
        class: "control",
        "aria-keyshortcuts": shortcuts,
        ...options,
        on: { click: listener },
      },
      make("kbd", { "aria-hidden": "true" }, key),
      ` ${label}`,
    );
  }

  /** Mark the button of what was said; `value` undefined: of nothing. */
  function mark(value) {
    for (const each of document.querySelectorAll("[data-value]"))
      each.setAttribute("aria-pressed", String(each.dataset.value === String(value)));
    for (const [id, choice] of [["output-1", "left"], ["output-2", "right"]])
      byId(id)?.classList.toggle("chosen", value === choice);
  }

  function progress(view) {
    const place = view.task ? `Task ${view.number} of ${view.n}` : `${view.n_done} of ${view.n}`;
    byId("progress-text").textContent = place;
    byId("progress").max = Math.max(view.n, 1);
    byId("progress").value = view.n_done;
    byId("rater").textContent = visible(view.rater);
    document.title = `Rating ${view.n_done} of ${view.n}`;
  }

  function time(seconds) {
    byId("time").textContent = spent(seconds);
  }

  /** Say something quietly, or as a problem. */
  function say(text, { isBad = false } = {}) {
    byId("status").textContent = text;
    byId("status").classList.toggle("bad", isBad);
  }

  /** A problem that lasts; what was said before it might contradict it. */
  function banner(text) {
    if (text) say("");
    byId("banner").textContent = text ?? "";
    byId("banner").hidden = !text;
  }

  function end(view, isFile) {
    byId("end-title").textContent = view.n ? "That was the last one. Thank you!" : "Nothing to rate";
    const done = `You rated ${view.n} ${view.n === 1 ? "task" : "tasks"} in ${spent(view.seconds)}.`;
    const next = isFile
      ? "Download your votes and send the file back to whoever asked you."
      : "Everything is saved. You can close this page.";
    byId("end-text").textContent = view.n ? `${done}\n${next}` : "There are no tasks for you here.";
    byId("end-undo").hidden = view.before === null;
    byId("end-download").hidden = !isFile || view.n === 0;
  }

  rating.frame = { buttons, mark, progress, time, say, banner, end };
})((globalThis.rating ??= {}));
