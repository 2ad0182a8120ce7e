// Connects the page: which desk, the keyboard, the note, the download.
"use strict";

(function (rating) {
  const { make, byId } = rating.dom;
  const TICK_MS = 5_000;

  function connectNote(rater) {
    byId("note").addEventListener("keydown", (event) => {
      const isDone = event.key === "Escape" || (event.key === "Enter" && event.ctrlKey);
      if (!isDone || event.isComposing) return;
      event.preventDefault();
      rater.leaveNote();
    });
    byId("note").addEventListener("input", () => rater.draft());
  }

  function connectDownload(desk) {
    const download = () => {
      const blob = new Blob([desk.lines()], { type: "application/x-ndjson" });
      const link = make("a", { href: URL.createObjectURL(blob), download: `votes-${desk.rater}.jsonl` });
      link.click();
      desk.isDownloaded = true;
    };
    byId("download").hidden = false;
    for (const id of ["download", "end-download"]) byId(id).addEventListener("click", download);
  }

  function start() {
    const data = JSON.parse(byId("data").textContent);
    const isFile = data.mode === "file";
    const desk = isFile ? new rating.FileDesk(data) : new rating.ServerDesk();
    const rater = new rating.Rater(desk, { isFile });
    rating.keys.prepare();
    rating.keys.connect(() => rater.actions());
    connectNote(rater);
    if (isFile) connectDownload(desk);
    byId("end-undo").addEventListener("click", () => rater.undo());
    setInterval(() => rater.tick(), TICK_MS);
    window.addEventListener("resize", () => rater.view?.task && rating.texts.fold(rater.isOpen));
    window.addEventListener("pagehide", () => rater.draft());
    window.addEventListener("beforeunload", (event) => {
      if (rater.post.pending || (isFile && !desk.isKept && !desk.isDownloaded)) event.preventDefault();
    });
    rater.start();
  }

  start();
})((globalThis.rating ??= {}));
