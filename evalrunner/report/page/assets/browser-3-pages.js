// Long work over many blobs, with progress that can be stopped: search in whole texts, copying.
"use strict";

(function (evalrunner) {
  let running = null;

  /**
   * Calls `visit(found, row)` for every row that has a case, blob by blob.
   * Returns whether it came to the end; a later call or the stop button ends an earlier one.
   */
  async function eachCase(index, rows, { title, visit, onPage }) {
    stop();
    const task = (running = stoppable());
    const pages = grouped(index, rows);
    let done = 0;
    show(title, done, pages.size);
    try {
      for (const [page, wanted] of pages) {
        // Stopping does not wait for a file that does not come.
        const found = await Promise.race([casesOf(page), task.stopped]);
        if (task.isStopped) return false;
        for (const row of wanted) visit(found.get(index.id(row)), row);
        show(title, (done += 1), pages.size);
        await onPage?.();
      }
      return true;
    } finally {
      if (running === task) stop();
    }
  }

  /** The cases of a blob by id. */
  async function casesOf(page) {
    const blob = await evalrunner.blobs.load(evalrunner.blobs.pageName("cases", page));
    return new Map(blob.cases.map((found) => [found.id, found]));
  }

  function stoppable() {
    const task = { isStopped: false };
    task.stopped = new Promise((resolve) => {
      task.stop = () => {
        task.isStopped = true;
        resolve(null);
      };
    });
    return task;
  }

  function stop() {
    running?.stop();
    running = null;
    evalrunner.dom.byId("case-task").hidden = true;
  }

  function show(title, done, total) {
    const { byId } = evalrunner.dom;
    byId("case-task").hidden = false;
    byId("case-task-title").textContent = title;
    byId("case-task-progress").max = total;
    byId("case-task-progress").value = done;
  }

  function grouped(index, rows) {
    const pages = new Map();
    for (const row of rows) {
      const page = index.page(row);
      if (pages.has(page)) pages.get(page).push(row);
      else pages.set(page, [row]);
    }
    return pages;
  }

  evalrunner.pages = { eachCase, casesOf, stop };
})((globalThis.evalrunner ??= {}));
