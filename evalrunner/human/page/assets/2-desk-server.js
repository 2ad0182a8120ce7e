// Tasks and answers of a page that a server gave: it is asked for one task at a time. What it has
// not taken yet is kept in the browser, where that allows it: without the token, apart by rater.
"use strict";

(function (rating) {
  const { storage } = rating.dom;
  const { partOf } = rating.answers;
  const AWAY = "the server does not answer.";
  const TIMEOUT_MS = 20_000;
  const [FORBIDDEN, CONFLICT] = [403, 409];

  /** Why an answer was not taken. `isFinal`: to send it again would be in vain. */
  class NotTaken extends Error {
    constructor(message, status = null) {
      super(message);
      this.isFinal = status >= 400 && status < 500;
      // Who gets another link may still send it.
      this.isUseless = this.isFinal && status !== FORBIDDEN;
    }
  }

  class ServerDesk {
    constructor() {
      // The address of the page ends in the rater's token.
      this.token = location.pathname.split("/").pop();
      this.store = storage("localStorage");
    }

    async look(id = null) {
      const query = id === null ? "" : `?id=${encodeURIComponent(id)}`;
      const view = await this.ask(`/api/task${query}`);
      this.name = `rating unsent ${view.desk}`;
      return view;
    }

    async say(answer) {
      try {
        const view = await this.ask("/api/votes", {
          method: "POST",
          body: JSON.stringify(answer),
          headers: { "Content-Type": "application/json" },
        });
        this.drop(answer);
        return view;
      } catch (error) {
        if (error.isUseless) this.drop(answer);
        throw error;
      }
    }

    /** Whether it is kept until it is said. */
    hold(answer) {
      return this.store.write(this.name, { ...this.unsent(), [partOf(answer)]: answer });
    }

    held() {
      return Object.values(this.unsent());
    }

    drop(answer) {
      const { [partOf(answer)]: held, ...rest } = this.unsent();
      // Another tab, or a second thought, may have left another.
      if (JSON.stringify(held) === JSON.stringify(answer)) this.store.write(this.name, rest);
    }

    unsent() {
      return this.store.read(this.name) ?? {};
    }

    async ask(address, options = {}) {
      const headers = { ...options.headers, Authorization: `Bearer ${this.token}` };
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      let answer, body;
      try {
        answer = await fetch(address, { ...options, headers, signal });
        body = await answer.json();
      } catch {
        throw new NotTaken(AWAY);
      }
      if (!answer.ok && answer.status !== CONFLICT)
        throw new NotTaken(body.message, answer.status);
      return body;
    }
  }

  rating.NotTaken = NotTaken;
  rating.ServerDesk = ServerDesk;
})((globalThis.rating ??= {}));
