import type { Entry } from './entry.ts';

/** Collects those who would have to leave, until they make enough room. */
export class Victims<T> {
  readonly entries: Entry<T>[] = [];
  #items: number;
  #weight: number;

  /** @param items - how many must leave; @param weight - how much they must weigh. */
  constructor(items: number, weight: number) {
    this.#items = items;
    this.#weight = weight;
  }

  get enough(): boolean {
    return this.#items <= 0 && this.#weight <= 0;
  }

  add(entry: Entry<T>): void {
    this.entries.push(entry);
    this.#items--;
    this.#weight -= entry.weight;
  }
}
