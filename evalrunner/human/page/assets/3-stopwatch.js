// Time spent on a task: only while the page can be seen.
"use strict";

(function (rating) {
  class Stopwatch {
    constructor() {
      this.start();
      document.addEventListener("visibilitychange", () => {
        if (document.hidden) {
          this.gone += this.running();
          this.since = null;
        } else this.since ??= performance.now();
      });
    }

    start(seconds = 0) {
      this.gone = seconds;
      this.since = document.hidden ? null : performance.now();
    }

    running() {
      return this.since === null ? 0 : (performance.now() - this.since) / 1000;
    }

    seconds() {
      return this.gone + this.running();
    }
  }

  rating.Stopwatch = Stopwatch;
})((globalThis.rating ??= {}));
