// The data: base64 of gzip of JSON, inline in the page or in side files next to it.
"use strict";

(function (evalrunner) {
  const KEPT = 12;
  const unpacked = new Map();
  const waiting = new Map();
  let isInline = true;

  /** Trouble with the data, in words for people. */
  class BlobError extends Error {}

  /** The index, which is always inline; says where the other blobs are. */
  async function loadIndex() {
    const index = await load("index");
    isInline = index.is_inline;
    return index;
  }

  /** The value of a blob. Raises BlobError. */
  function load(name) {
    const known = unpacked.get(name);
    // Taken out and put back: the map's order is the order of last use.
    unpacked.delete(name);
    const value = known ?? fetchPacked(name).then(unpack);
    unpacked.set(name, value);
    value.catch(() => unpacked.delete(name));
    if (unpacked.size > KEPT) unpacked.delete(unpacked.keys().next().value);
    return value;
  }

  /** `cases-0007` */
  function pageName(kind, page) {
    return `${kind}-${String(page).padStart(4, "0")}`;
  }

  async function fetchPacked(name) {
    const element = document.getElementById(`blob-${name}`);
    if (element) return element.textContent.trim();
    if (isInline) throw new BlobError(`The page has no data ${name}: it was cut short.`);
    return await sideFile(name);
  }

  function sideFile(name) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      const missing = () =>
        new BlobError(
          `report/${name}.js could not be loaded: the directory report/ must lie beside report.html.`,
        );
      waiting.set(name, resolve);
      script.addEventListener("error", () => reject(missing()));
      script.addEventListener("load", () => {
        script.remove();
        // A file that loads without handing over what it is named after is not ours.
        if (waiting.delete(name)) reject(missing());
      });
      script.src = `report/${name}.js`;
      document.head.append(script);
    });
  }

  async function unpack(packed) {
    if (typeof DecompressionStream === "undefined") {
      throw new BlobError(
        "This browser is too old to unpack the cases; trials.jsonl has them all.",
      );
    }
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  /** Called by the side files. */
  globalThis.evalrunnerBlob = (name, packed) => {
    const resolve = waiting.get(name);
    waiting.delete(name);
    resolve?.(packed);
  };

  evalrunner.blobs = { BlobError, load, loadIndex, pageName };
})((globalThis.evalrunner ??= {}));
