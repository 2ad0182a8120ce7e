// What is known of every case without its texts. A case is a row: its number over all groups.
"use strict";

(function (evalrunner) {
  const NEVER = "-";

  class Index {
    constructor(data) {
      this.data = data;
      this.cells = new Map(data.cells.map((cell) => [cell.id, cell]));
      this.groups = data.groups;
      this.offsets = [];
      this.size = 0;
      for (const group of this.groups) {
        this.offsets.push(this.size);
        this.size += group.ids.length;
      }
      this.candidates = data.cells
        .filter((cell) => cell.role === "candidate")
        .map((cell) => cell.id);
      this.fields = this.#sliceFields();
      this.hasPeople = this.groups.some((group) => Object.keys(group.people ?? {}).length > 0);
      this.hasReference = data.cells.some((cell) => cell.reference !== null);
    }

    group(row) {
      return this.groups[this.#groupNumber(row)];
    }

    /** Position of the row in its group. */
    at(row) {
      return row - this.offsets[this.#groupNumber(row)];
    }

    id(row) {
      return this.group(row).ids[this.at(row)];
    }

    title(row) {
      return this.group(row).titles[this.at(row)];
    }

    /** Number of the blob that holds the row's case. */
    page(row) {
      return this.group(row).first_page + Math.floor(this.at(row) / this.data.page_size);
    }

    /** Mean over repeats; null = unscored; undefined = the cell has no such case. */
    score(row, cell) {
      return this.status(row, cell) === NEVER
        ? undefined
        : this.group(row).score[cell][this.at(row)];
    }

    /** A letter, the worst of the repeats. */
    status(row, cell) {
      return this.group(row).status[cell]?.[this.at(row)] ?? NEVER;
    }

    people(row, cell) {
      return this.group(row).people?.[cell]?.[this.at(row)] ?? null;
    }

    slice(row, field) {
      const slice = this.group(row).slices[field];
      return slice ? slice.values[slice.codes[this.at(row)]] : undefined;
    }

    /** Row of a case; of several groups with this id, the one that holds the most of `cells`. */
    find(id, cells) {
      let [best, most] = [null, -1];
      this.groups.forEach((group, number) => {
        const at = group.ids.findIndex((each) => each === id || each.toWellFormed() === id);
        const held = cells.filter((cell) => group.cells.includes(cell)).length;
        if (at >= 0 && held > most) [best, most] = [this.offsets[number] + at, held];
      });
      return best;
    }

    #groupNumber(row) {
      let number = this.offsets.length - 1;
      while (this.offsets[number] > row) number -= 1;
      return number;
    }

    #sliceFields() {
      const fields = new Map();
      for (const group of this.groups) {
        for (const [field, slice] of Object.entries(group.slices)) {
          fields.set(field, new Set([...(fields.get(field) ?? []), ...slice.values]));
        }
      }
      return fields;
    }
  }

  evalrunner.Index = Index;
})((globalThis.evalrunner ??= {}));
