import type { RejectedError } from '@bp/core';

/** A promise given out whose job has not ended, and its neighbours in the list of them. */
interface Entry {
  readonly reject: (refusal: RejectedError) => void;
  previous: Entry | undefined;
  next: Entry | undefined;
}

/** All promises given out whose jobs have not ended. A linked list: nothing is cheaper to enter and to leave. */
export class Unfinished {
  #first: Entry | undefined;

  add(reject: (refusal: RejectedError) => void): Entry {
    const entry: Entry = { reject, previous: undefined, next: this.#first };
    if (this.#first !== undefined) this.#first.previous = entry;
    this.#first = entry;
    return entry;
  }

  remove(entry: Entry): void {
    if (entry.previous !== undefined) entry.previous.next = entry.next;
    else if (this.#first === entry) this.#first = entry.next;
    if (entry.next !== undefined) entry.next.previous = entry.previous;
    entry.previous = undefined;
    entry.next = undefined;
  }

  /** Rejects them all, each with a refusal of its own. */
  rejectAll(refusal: () => RejectedError): void {
    for (let entry = this.#first; entry !== undefined; entry = this.#first) {
      this.remove(entry);
      entry.reject(refusal());
    }
  }
}
