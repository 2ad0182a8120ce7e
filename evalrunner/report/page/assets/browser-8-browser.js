// What is shown now, and the ways from there: filters, cases, pages, copies.
"use strict";

(function (evalrunner) {
  const FILE = "cases.jsonl";
  const MOST_COPIED = 10_000_000;

  const { byId } = evalrunner.dom;

  class Browser {
    constructor(index) {
      this.index = index;
      this.state = evalrunner.state.initial();
      this.rows = [];
      this.shown = [];
      /** `first` or `last`: the link that gets the focus on the page that is turned to. */
      this.focusNext = null;
      this.selected = { key: null, rows: [] };
    }

    /** Shows what the address asks for; addresses of other sections change nothing. */
    follow() {
      const asked = evalrunner.state.parse(location.hash, this.state);
      if (asked !== null) this.show(asked, { isFromOutside: true });
    }

    /** Shows the state with these changes, as a new address; `isStep` leaves no history. */
    change(patch, { isStep = false } = {}) {
      const state = { ...this.state, ...patch };
      const address = evalrunner.state.format(state);
      // Neither of the two makes a hashchange event.
      if (isStep) history.replaceState(null, "", address);
      else if (address !== location.hash) history.pushState(null, "", address);
      this.show(state, { isFromOutside: false });
    }

    show(state, { isFromOutside }) {
      const closed = state.id === null ? this.state.id : null;
      this.state = state;
      evalrunner.copy.say("");
      this.render();
      if (this.state.id === null) this.arrive({ isFromOutside, closed });
    }

    render() {
      this.shown = evalrunner.filters.shownCells(this.index, this.state);
      this.search();
      this.select();
      const row = this.state.id === null ? null : this.index.find(this.state.id, this.shown);
      if (this.state.id !== null && row === null) {
        evalrunner.copy.say(`This run has no case ${this.state.id}.`);
        this.state.id = null;
      }
      if (row !== null) this.state.id = this.index.id(row);
      evalrunner.controls.show(this.index, this.state, this);
      if (row === null) this.showList();
      else this.showCase(row);
    }

    search() {
      const { search } = evalrunner;
      if (!this.state.whole) search.leave();
      if (!search.isDue(this.state, this.shown)) return;
      const onFound = () => {
        this.select();
        evalrunner.controls.show(this.index, this.state, this);
        if (this.state.id === null) evalrunner.list.draw(this.index, this.state, this);
      };
      search.run(this.index, this.state, { shown: this.shown, onFound }).catch((error) => {
        evalrunner.copy.say(error.message);
      });
    }

    select() {
      const hits = evalrunner.search.hits(this.state, this.shown);
      const key = `${evalrunner.state.format({ ...this.state, id: null, page: 1 })} ${hits?.size}`;
      if (key !== this.selected.key) {
        this.selected = { key, rows: evalrunner.filters.select(this.index, this.state, hits) };
      }
      this.rows = this.selected.rows;
    }

    showList() {
      evalrunner.opened.close();
      document.body.classList.remove("has-case");
      byId("case-panel").hidden = true;
      byId("case-list").hidden = false;
      moveCells("case-cells-home");
      evalrunner.list.draw(this.index, this.state, this);
    }

    showCase(row) {
      const isNew = byId("case-title").dataset.row !== String(row) || byId("case-panel").hidden;
      document.body.classList.add("has-case");
      byId("case-list").hidden = true;
      byId("case-panel").hidden = false;
      moveCells("case-cells-away");
      byId("case-title").dataset.row = row;
      const place = this.rows.indexOf(row);
      byId("case-before").disabled = place === 0;
      byId("case-after").disabled = place === this.rows.length - 1;
      const { shown, state } = this;
      const total = this.rows.length;
      const drawn = evalrunner.opened.draw(this.index, row, {
        shown,
        place,
        total,
        query: state.query,
        against: state.against,
      });
      if (!isNew) return;
      byId("case-title").focus({ preventScroll: true });
      // Not before: the page was too short to scroll there.
      drawn.then(() => scrollTo("case-panel"));
    }

    /** Moves the focus where the list was left, or to the list when a link outside led here. */
    arrive({ isFromOutside, closed }) {
      const links = evalrunner.list.links();
      const ends = { first: links[0], last: links.at(-1) };
      const target =
        ends[this.focusNext] ?? (closed === null ? null : evalrunner.list.link(closed));
      this.focusNext = null;
      if (target) target.focus();
      else if (
        closed !== null ||
        (isFromOutside && !byId("case-list").contains(document.activeElement))
      ) {
        scrollTo("cases");
        byId("case-count").focus({ preventScroll: true });
      }
    }

    /** Back to the list, on the page that has the case. */
    close() {
      const place = this.rows.findIndex((row) => this.index.id(row) === this.state.id);
      const page = place < 0 ? this.state.page : evalrunner.list.pageOf(place);
      this.change({ id: null, page });
    }

    /** To the next (1) or the one before (-1): opens it in the case view, focuses it in the list. */
    step(by) {
      if (this.state.id === null) this.stepInList(by);
      else {
        const place = this.rows.findIndex((row) => this.index.id(row) === this.state.id);
        const row = this.rows[place < 0 ? 0 : place + by];
        if (row !== undefined) this.change({ id: this.index.id(row) }, { isStep: true });
      }
    }

    stepInList(by) {
      const links = evalrunner.list.links();
      const at = links.indexOf(document.activeElement);
      const next = at < 0 ? links[0] : links[at + by];
      if (next) next.focus();
      else this.turn(by);
    }

    turn(by) {
      const page = this.state.page + by;
      if (page < 1 || page > evalrunner.list.pageCount(this.rows)) return;
      this.focusNext = by > 0 ? "first" : "last";
      this.change({ page });
    }

    /** Compares the opened case's answers with "" (nothing), "expected" or a cell's number. */
    compareWith(against) {
      if (evalrunner.opened.open()) this.change({ against }, { isStep: true });
    }

    /** To a control of the list, which comes back first where a case is open. */
    focusOn(element) {
      if (this.state.id !== null) this.close();
      element.focus();
      element.select?.();
    }

    copyCase() {
      const found = evalrunner.opened.open();
      if (!found) return;
      const shown = found.cells.map((cell) => cell.id);
      const lines = evalrunner.copy.lines(this.index, found.entry, shown);
      evalrunner.copy.copy(lines.join("\n") + "\n", trials(lines.length));
    }

    /** Trials of all cases in the list, given to `use(lines)`. */
    async collect(use) {
      try {
        const lines = await evalrunner.copy.linesOf(this.index, this.rows, this.shown);
        if (lines) use(lines);
      } catch (error) {
        evalrunner.copy.say(error.message);
      }
    }

    copyAll() {
      return this.collect((lines) => {
        const text = lines.join("\n") + "\n";
        // Beyond it a clipboard, and whatever one pastes into, gives up.
        if (text.length > MOST_COPIED) evalrunner.copy.download(lines, FILE);
        else evalrunner.copy.copy(text, trials(lines.length));
      });
    }

    saveAll() {
      return this.collect((lines) => evalrunner.copy.download(lines, FILE));
    }

    copyLink() {
      const hash = evalrunner.state.format({ ...this.state, cells: this.shown });
      evalrunner.copy.copy(`${location.href.split("#")[0]}${hash}`, "the link to this case");
    }
  }

  // The same control chooses the signs of the list and the answers of a case.
  function moveCells(id) {
    const menu = byId("case-cells");
    // To move it, even to where it is, would take the focus from it.
    if (menu.parentElement.id === id) return;
    menu.open = false;
    byId(id).append(menu);
  }

  function scrollTo(id) {
    byId(id).scrollIntoView({ block: "start", behavior: "instant" });
  }

  function trials(number) {
    return `${evalrunner.format.count(number)} ${number === 1 ? "trial" : "trials"} as JSON lines`;
  }

  evalrunner.Browser = Browser;
})((globalThis.evalrunner ??= {}));
