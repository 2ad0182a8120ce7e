// One rater at work: shows a task, takes the answer, and goes on once it is kept.
"use strict";

(function (rating) {
  const { byId, visible, storage } = rating.dom;
  const { frame, texts, keys } = rating;
  const drafts = storage("sessionStorage");
  const DRAFT = "rating draft";
  const SHORTEST_LOOK_MS = 200;

  class Rater {
    constructor(desk, { isFile }) {
      this.desk = desk;
      this.isFile = isFile;
      this.watch = new rating.Stopwatch();
      this.isOpen = false;
      this.isFlagged = false;
      this.post = new rating.Post(desk);
    }

    async start() {
      const first = await this.post.patiently(() => this.desk.look());
      const told = first === null ? "" : await this.post.sendHeld();
      const view = told ? await this.post.patiently(() => this.desk.look()) : first;
      if (view === null) return;
      this.show(view, { isRevisit: false });
      if (told) frame.say(told);
    }

    show(view, { isRevisit }) {
      this.view = view;
      this.isRevisit = isRevisit;
      this.shownAt = performance.now();
      frame.progress(view);
      for (const id of ["task", "bar"]) byId(id).hidden = view.task === null;
      byId("end").hidden = view.task !== null;
      keys.describe(view.task?.kind);
      if (view.task === null) this.showEnd();
      else this.showTask();
      window.scrollTo(0, 0);
      setTimeout(() => document.body.setAttribute("data-ready", this.stamp()), SHORTEST_LOOK_MS);
    }

    showEnd() {
      frame.end(this.view, this.isFile);
      this.watch.start();
      this.tick();
      byId("end-title").focus({ preventScroll: true });
    }

    showTask() {
      const { task, said } = this.view;
      const saved = drafts.read(DRAFT);
      const draft = saved?.task_id === task.task_id ? saved : null;
      const last = said.findLast((answer) => answer.note || answer.flagged);
      this.watch.start(draft?.seconds);
      texts.show(task, { toggle: () => this.toggle() });
      frame.buttons(task.kind, this.actions());
      byId("note").value = draft?.note ?? last?.note ?? "";
      byId("note-area").hidden = byId("note").value === "";
      this.setFlag(draft?.flagged ?? last?.flagged ?? false);
      byId("onward").hidden = !this.isRevisit;
      byId("undo").disabled = this.view.before === null;
      this.choose(this.firstOpen());
      this.isLong = texts.fold(this.isOpen);
      this.tick();
      byId("question").focus({ preventScroll: true });
    }

    /** What was said of the task, by criterion; of a pair under null. */
    said() {
      return new Map(this.view.said.map((answer) => [answer.criterion ?? null, answer]));
    }

    firstOpen() {
      const said = this.said();
      const open = this.view.task.rating_criteria.findIndex((text) => !said.has(text));
      return Math.max(open, 0);
    }

    /** Make a criterion the active one. */
    choose(place) {
      const { task } = this.view;
      this.active = place;
      const said = this.said();
      texts.criteria(task, { said, active: place, choose: (other) => this.choose(other) });
      const isRubric = task.kind === "rubric";
      const text = task.rating_criteria[place];
      const answer = said.get(isRubric ? text : null);
      frame.mark(isRubric ? answer?.label : answer?.vote);
      byId("asked").hidden = !isRubric;
      byId("asked").textContent = isRubric ? `${place + 1}. ${visible(text)}` : "";
    }

    /** What each key does now. */
    actions() {
      if (!this.view) return { "?": () => byId("keys").showModal() };
      const always = { u: () => this.undo(), "?": () => byId("keys").showModal() };
      if (this.view.task === null) return always;
      return {
        ...always,
        ...(this.view.task.kind === "rubric" ? this.rubricActions() : this.pairActions()),
        n: () => this.openNote(),
        f: () => this.flag(),
        " ": () => this.toggle(),
        c: () => this.isRevisit && this.goOn(),
      };
    }

    pairActions() {
      const vote = (choice) => () => this.answer({ vote: choice });
      const [left, right] = [vote("left"), vote("right")];
      const arrows = { ArrowLeft: left, ArrowRight: right };
      return { 1: left, 2: right, 3: vote("tie"), 4: vote("both_bad"), s: vote("skip"), ...arrows };
    }

    rubricActions() {
      const texts = this.view.task.rating_criteria;
      const label = (value) => () => this.answer({ criterion: texts[this.active], label: value });
      const move = (step) => () =>
        this.choose(Math.min(Math.max(this.active + step, 0), texts.length - 1));
      return { 1: label(1), 2: label(0), s: label(null), ArrowUp: move(-1), ArrowDown: move(1) };
    }

    answer(what) {
      const isEarly = performance.now() - this.shownAt < SHORTEST_LOOK_MS;
      if (isEarly || this.post.isBusy) return;
      // One waits at a time; another criterion's answer would push it out.
      const waiting = this.post.pending;
      if (waiting && waiting.criterion !== what.criterion) return;
      const before = this.said().get(what.criterion ?? null);
      this.post.expect({
        task_id: this.view.task.task_id,
        ...what,
        seconds: Math.round(10 * (this.watch.seconds() + (before?.seconds ?? 0))) / 10,
        note: byId("note").value.trim() || null,
        flagged: this.isFlagged,
        known: waiting?.known ?? before?.version ?? 0,
      });
      frame.mark(what.vote ?? what.label);
      this.post.deliver((answer, view) => this.heard(answer, view));
    }

    heard(answer, view) {
      if (view === null) return this.choose(this.active);
      return view.conflict ? this.overtaken(answer, view) : this.taken(answer, view);
    }

    /** Another tab answered the task since this one showed it: show that. */
    overtaken(answer, view) {
      // Without words of its own, this tab takes over the other's.
      if (!byId("note").value.trim() && !this.isFlagged) drafts.write(DRAFT, null);
      const { kind, rating_criteria: criteria } = view.task;
      const isDone = kind !== "rubric" || view.said.length === criteria.length;
      this.show(view, { isRevisit: isDone });
      this.choose(Math.max(criteria.indexOf(answer.criterion), 0));
      frame.say(OVERTAKEN, { isBad: true });
    }

    async taken(answer, view) {
      drafts.write(DRAFT, null);
      const isOpen = view.task?.task_id === answer.task_id;
      if (this.view.task.kind === "rubric" && (isOpen || this.isRevisit)) {
        const again = () => this.desk.look(answer.task_id);
        const now = isOpen && !this.isRevisit ? view : await this.post.patiently(again);
        if (now === null) return;
        this.nextCriterion(now);
      } else this.show(view, { isRevisit: false });
      frame.say(view.task ? `Saved. ${byId("progress-text").textContent}.` : "");
      if (this.isFile && !this.desk.isKept) frame.say(NOT_KEPT);
    }

    nextCriterion(view) {
      this.view = view;
      this.shownAt = performance.now() - SHORTEST_LOOK_MS;
      this.watch.start();
      frame.progress(view);
      const last = view.task.rating_criteria.length - 1;
      this.choose(this.isRevisit ? Math.min(this.active + 1, last) : this.firstOpen());
      document.body.setAttribute("data-ready", this.stamp());
    }

    async undo() {
      if (this.post.pending || this.view.before === null) return;
      const view = await this.post.patiently(() => this.desk.look(this.view.before));
      if (view === null) return;
      this.show(view, { isRevisit: true });
      frame.say("You were here before: a new answer replaces the old one.");
    }

    async goOn() {
      if (this.post.pending) return;
      const view = await this.post.patiently(() => this.desk.look());
      if (view === null) return;
      frame.say("");
      this.show(view, { isRevisit: false });
    }

    toggle() {
      if (!this.isLong) return;
      this.isOpen = !this.isOpen;
      texts.fold(this.isOpen);
    }

    flag() {
      this.setFlag(!this.isFlagged);
      this.draft();
      frame.say(this.isFlagged ? "Flagged: this is saved with your answer." : "No longer flagged.");
    }

    setFlag(isFlagged) {
      this.isFlagged = isFlagged;
      byId("flag").setAttribute("aria-pressed", String(isFlagged));
    }

    openNote() {
      byId("note-area").hidden = false;
      byId("note").focus({ preventScroll: true });
    }

    leaveNote() {
      byId("note-area").hidden = byId("note").value.trim() === "";
      byId("question").focus({ preventScroll: true });
    }

    /** Keep what is not said yet over a reload. */
    draft() {
      if (!this.view?.task) return;
      const [task_id, seconds] = [this.view.task.task_id, this.watch.seconds()];
      const [note, flagged] = [byId("note").value, this.isFlagged];
      drafts.write(DRAFT, { task_id, seconds, note, flagged });
      // An answer that still waits takes them along.
      this.post.amend({ note: note.trim() || null, flagged });
    }

    tick() {
      if (this.view) frame.time(this.view.seconds + (this.view.task ? this.watch.seconds() : 0));
    }

    /** What the page shows, for whoever waits for it. */
    stamp() {
      return `${this.view.task?.task_id ?? "end"} ${this.view.said.length}`;
    }
  }

  const OVERTAKEN =
    "Not saved: this task was answered elsewhere since. That answer is marked; a new one replaces it.";
  const NOT_KEPT = "This browser keeps nothing: download your votes before you close the page.";

  rating.Rater = Rater;
})((globalThis.rating ??= {}));
