// Raw requests and responses, fetched only when somebody opens them.
"use strict";

(function (evalrunner) {
  const { make, name, prose, textOf } = evalrunner.dom;

  /** The fold of one trial; null in a run in which nothing went over a wire. */
  function fold(found, { cell, trial }) {
    if (!found.index.data.raw.has_pages) return null;
    const fill = async (body) => {
      body.append(make("p", { class: "answer-none" }, "Loading…"));
      try {
        body.replaceChildren(...(await exchanges(found, { cell, trial })));
      } catch (error) {
        body.replaceChildren(make("p", { class: "browser-error", role: "alert" }, error.message));
      }
    };
    return evalrunner.dom.fold("Raw request and response", fill, { class: "raw" });
  }

  async function exchanges(found, { cell, trial }) {
    const { raw } = found.index.data;
    const note = raw.note ? [make("p", { class: "answer-none" }, raw.note)] : [];
    const page = found.index.page(found.row);
    const blob = await evalrunner.blobs.load(evalrunner.blobs.pageName("raw", page));
    const place = found.entry.trials[cell.id].indexOf(trial);
    const list = blob.raw[found.entry.id]?.[cell.id]?.[place] ?? [];
    if (!list.length) return [make("p", { class: "answer-none" }, "Nothing is recorded."), ...note];
    const shown = list.flatMap(({ role, scorer, request, response }) => [
      make("p", { class: "raw-role" }, name(scorer ? `${role}, ${scorer}` : role)),
      labelled("Request", request),
      labelled("Response", parsed(response)),
    ]);
    return [...shown, ...note];
  }

  function labelled(title, content) {
    if (content === null) return make("p", { class: "answer-none" }, `${title}: not recorded.`);
    return make(
      "div",
      {},
      make("p", { class: "raw-title" }, title),
      // It scrolls by itself, and so must be reached by keyboard.
      prose(textOf(content), { class: "mono", tabindex: "0", role: "group", "aria-label": title }),
    );
  }

  // A body that is no JSON is shown as it came.
  function parsed(text) {
    if (text === null) return null;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  /** Opens all of them, or closes them when all are open. */
  function toggleAll() {
    const folds = [...evalrunner.dom.byId("case-body").querySelectorAll("details.raw")];
    const isOpening = folds.some((each) => !each.open);
    for (const each of folds) each.open = isOpening;
  }

  evalrunner.raw = { fold, toggleAll };
})((globalThis.evalrunner ??= {}));
