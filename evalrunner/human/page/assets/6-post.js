// Answers on their way to the desk: kept until it has them, over a server that is away, a second
// thought and a reload.
"use strict";

(function (rating) {
  const { frame } = rating;
  const { isSame } = rating.answers;
  const RETRY_MS = [500, 1_000, 2_000, 4_000];
  const SENT_LATE = "Saved: your answer from before this page was loaded again.";
  const NOT_USED = "An unsent answer from before was not used: its task has been answered since.";

  class Post {
    constructor(desk) {
      this.desk = desk;
      this.pending = null;
      this.isHeld = false;
      this.isFailing = false;
      this.isDelivering = false;
      this.sent = [];
    }

    /** Whether an answer is under way that cannot be thought over. */
    get isBusy() {
      return this.pending !== null && !this.isFailing;
    }

    /** It is to be said, from now on in place of any other. */
    expect(answer) {
      this.pending = answer;
      this.isHeld = this.desk.hold(answer);
    }

    /** What waits is said with this note and flag. */
    amend(changes) {
      if (this.pending && this.isFailing) this.expect({ ...this.pending, ...changes });
    }

    /** Say what is to be said until it is heard; `heard` gets it and the view after it, or null. */
    async deliver(heard) {
      if (this.isDelivering) return;
      this.isDelivering = true;
      while (this.pending) {
        const answer = this.pending;
        this.sent.push(answer);
        const view = await this.patiently(() => this.desk.say(answer), () => this.pending === answer);
        // While the server was away the rater may have thought again.
        if (this.pending !== answer) continue;
        const own = view?.conflict ? this.ownAnswer(answer, view) : null;
        if (own) {
          this.expect({ ...answer, known: own.version });
          continue;
        }
        this.pending = null;
        this.sent = [];
        await heard(answer, view);
      }
      this.isDelivering = false;
    }

    /** What stands against an answer, if this page sent it and only did not hear that it arrived. */
    ownAnswer(answer, view) {
      const last = view.said.find((each) => (each.criterion ?? null) === (answer.criterion ?? null));
      return last && this.sent.some((each) => isSame(each, last)) ? last : null;
    }

    /** Say what an earlier page could not, and tell how that went. */
    async sendHeld() {
      const told = new Set();
      this.isHeld = true;
      for (const answer of this.desk.held()) {
        this.pending = answer;
        const view = await this.patiently(() => this.desk.say(answer));
        if (view) told.add(view.conflict ? NOT_USED : SENT_LATE);
      }
      this.pending = null;
      return [...told].join(" ");
    }

    /** The result, as soon as there is one; null when it is refused. Says so while it waits. */
    async patiently(ask, isWanted = () => true) {
      for (let tries = 0; isWanted(); tries++) {
        try {
          const found = await ask();
          this.isFailing = false;
          frame.banner(null);
          return found;
        } catch (error) {
          if (!(error instanceof rating.NotTaken)) throw error;
          this.isFailing = !error.isFinal;
          this.warn(error);
          if (error.isFinal) return null;
          await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
        }
      }
      return null;
    }

    warn({ message, isFinal }) {
      const what = this.pending ? "Not saved" : "Cannot go on";
      const place = this.isHeld ? "browser" : "page";
      const kept = this.pending ? ` Your answer is kept in this ${place}; trying again …` : "";
      frame.banner(isFinal ? `${what}: ${message}` : `${what} yet: ${message}${kept}`);
    }
  }

  function pause(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  rating.Post = Post;
})((globalThis.rating ??= {}));
