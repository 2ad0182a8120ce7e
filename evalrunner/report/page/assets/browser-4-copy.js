// Cases as JSON lines, one per trial, to the clipboard or as a file.
"use strict";

(function (evalrunner) {
  const { byId } = evalrunner.dom;

  /** The lines of a case's trials of these cells. */
  function lines(index, entry, shown) {
    return shown
      .filter((cell) => entry.trials[cell])
      .flatMap((cell) =>
        entry.trials[cell].map((trial) => line(index.cells.get(cell), entry, trial)),
      );
  }

  function line(cell, entry, trial) {
    const { prompt, shown, ...known } = trial;
    const asked = {
      input: entry.input,
      expected: entry.expected,
      rubric: entry.rubric,
      fields: entry.fields,
    };
    const place = {
      cell: cell.id,
      cell_label: cell.label,
      case_id: entry.id,
      repeat: trial.repeat,
    };
    return JSON.stringify({ ...place, ...asked, ...known, prompt_sha256: prompt });
  }

  /** Lines of many cases; null when it was stopped. */
  async function linesOf(index, rows, shown) {
    const made = [];
    const visit = (entry) => {
      if (entry) for (const each of lines(index, entry, shown)) made.push(each);
    };
    const isWhole = await evalrunner.pages.eachCase(index, rows, {
      title: "Collecting the trials",
      visit,
    });
    return isWhole ? made : null;
  }

  /** Puts text on the clipboard, or shows it to be copied by hand; says which in the page. */
  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      say(`Copied ${what}.`);
    } catch {
      // No clipboard for this page, or no permission: the oldest way, then the reader's own hands.
      if (copySelection(text)) say(`Copied ${what}.`);
      else showText(text);
    }
  }

  function copySelection(text) {
    const active = document.activeElement;
    const area = evalrunner.dom.make("textarea", { class: "unseen", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    active?.focus({ preventScroll: true });
    return isCopied;
  }

  function showText(text) {
    byId("case-copy-text").value = text;
    byId("case-copy-dialog").showModal();
    byId("case-copy-text").select();
  }

  /** Offers lines as a file. */
  function download(made, filename) {
    const address = URL.createObjectURL(
      new Blob([made.join("\n"), "\n"], { type: "application/jsonl" }),
    );
    const link = evalrunner.dom.make("a", { href: address, download: filename });
    link.click();
    // The download has begun by then; without this the text stays in memory.
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
    say(`Saved as ${filename}.`);
  }

  function say(text) {
    byId("case-said").textContent = text;
  }

  evalrunner.copy = { lines, linesOf, copy, download, say };
})((globalThis.evalrunner ??= {}));
