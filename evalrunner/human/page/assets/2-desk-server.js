// Tasks and answers of a page that a server gave: it is asked for one task at a time.
"use strict";

(function (rating) {
  const AWAY = "the server does not answer.";
  const TIMEOUT_MS = 20_000;

  /** Why an answer was not taken. `isFinal`: to send it again would be in vain. */
  class NotTaken extends Error {
    constructor(message, isFinal) {
      super(message);
      this.isFinal = isFinal;
    }
  }

  class ServerDesk {
    constructor() {
      // The address of the page ends in the rater's token.
      this.token = location.pathname.split("/").pop();
    }

    look(id = null) {
      return this.ask(id === null ? "/api/task" : `/api/task?id=${encodeURIComponent(id)}`);
    }

    say(answer) {
      return this.ask("/api/votes", {
        method: "POST",
        body: JSON.stringify(answer),
        headers: { "Content-Type": "application/json" },
      });
    }

    async ask(address, options = {}) {
      const headers = { ...options.headers, Authorization: `Bearer ${this.token}` };
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      let answer, body;
      try {
        answer = await fetch(address, { ...options, headers, signal });
        body = await answer.json();
      } catch {
        throw new NotTaken(AWAY, false);
      }
      if (!answer.ok) throw new NotTaken(body.message, answer.status < 500);
      return body;
    }
  }

  rating.NotTaken = NotTaken;
  rating.ServerDesk = ServerDesk;
})((globalThis.rating ??= {}));
