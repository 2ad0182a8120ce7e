// Tasks and answers of a page that is a file: in memory always, in the browser where it allows that.
// A desk has `look(task id or null)` and `say(answer)`; both give a view: the task to show, what was
// said of it, and how far the rater is. An answer has the version that it is to replace (`known`, 0:
// none); where there is another by now it is not taken, and the view of its task has `conflict`.
// `hold` keeps what is yet to be said over a reload, where it can; `held` gives it back.
"use strict";

(function (rating) {
  const { storage } = rating.dom;
  const { partOf, isSame } = rating.answers;

  class FileDesk {
    constructor({ tasks, rater }) {
      this.tasks = tasks;
      this.rater = rater;
      this.answers = new Map();
      this.name = `rating ${tasks[0]?.task_id}`;
      this.store = storage("localStorage");
      this.merge();
      this.isKept = this.keep();
      this.isDownloaded = true;
    }

    async look(id = null) {
      const open = this.tasks.findIndex((task) => !this.isDone(task));
      const place = id === null ? open : this.tasks.findIndex((task) => task.task_id === id);
      const task = this.tasks[place] ?? null;
      const before = this.tasks
        .slice(0, task ? place : undefined)
        .findLast((each) => this.isDone(each));
      const all = [...this.answers.values()];
      return {
        rater: this.rater,
        n: this.tasks.length,
        n_done: this.tasks.filter((each) => this.isDone(each)).length,
        number: place + 1,
        seconds: all.reduce((sum, answer) => sum + (answer.seconds ?? 0), 0),
        task,
        said: all
          .filter((answer) => answer.task_id === task?.task_id)
          .map((answer) => ({ ...answer, version: answer.at })),
        before: before?.task_id ?? null,
      };
    }

    async say(answer) {
      this.merge();
      const { task_id, known, ...rest } = answer;
      const last = this.answers.get(partOf(answer));
      if ((last?.at ?? 0) !== known && !isSame(last, answer))
        return { ...(await this.look(task_id)), conflict: true };
      const at = new Date().toISOString();
      this.put({ task_id, rater: this.rater, ...rest, at });
      this.isKept = this.keep();
      this.isDownloaded = false;
      return this.look();
    }

    hold() {
      // What is said is kept at once.
      return false;
    }

    held() {
      return [];
    }

    /** As `votes.jsonl` has it: a line an answer, in the order of the tasks. */
    lines() {
      const order = new Map(this.tasks.map((task, place) => [task.task_id, place]));
      const all = [...this.answers.values()];
      all.sort((a, b) => order.get(a.task_id) - order.get(b.task_id));
      return all.map(line).join("");
    }

    isDone(task) {
      const parts = task.kind === "pairwise" ? [undefined] : task.rating_criteria;
      return parts.every((criterion) =>
        this.answers.has(partOf({ task_id: task.task_id, criterion })),
      );
    }

    put(answer) {
      this.answers.set(partOf(answer), answer);
    }

    keep() {
      return this.store.write(this.name, [...this.answers.values()]);
    }

    /** Take over what another tab has kept since. */
    merge() {
      const known = new Set(this.tasks.map((task) => task.task_id));
      for (const answer of this.store.read(this.name) ?? []) {
        const mine = this.answers.get(partOf(answer));
        if (known.has(answer.task_id) && !(mine?.at >= answer.at)) this.put(answer);
      }
    }
  }

  function line({ flagged, ...answer }) {
    return `${JSON.stringify(flagged ? { ...answer, flagged } : answer)}\n`;
  }

  rating.FileDesk = FileDesk;
})((globalThis.rating ??= {}));
