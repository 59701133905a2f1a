import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';
import { EntryList } from './entry-list.ts';
import type { Storage } from './storage.ts';
import { Victims } from './victims.ts';

/** First in, first out; nobody makes room, or whoever has waited longest does. */
export class Fifo<T> implements Storage<T> {
  readonly displacesEquals: boolean;
  readonly #list = new EntryList<T>();

  constructor(dropsOldest: boolean) {
    this.displacesEquals = dropsOldest;
  }

  add(entry: Entry<T>): void {
    this.#list.add(entry);
  }

  remove(entry: Entry<T>): void {
    this.#list.remove(entry);
  }

  serve(entry: Entry<T>): void {
    this.#list.remove(entry);
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    return newestFirst ? this.#list.last : this.#list.first;
  }

  victim(): Entry<T> | undefined {
    return this.#list.first;
  }

  victimsFor(_newcomer: CallContext, items: number, weight: number): Entry<T>[] | undefined {
    if (!this.displacesEquals) return undefined;
    const victims = new Victims<T>(items, weight);
    for (let entry = this.#list.first; entry !== undefined && !victims.enough; entry = entry.next) {
      victims.add(entry);
    }
    return victims.enough ? victims.entries : undefined;
  }

  weightAhead(_newcomer: CallContext, newestFirst: boolean): number {
    return newestFirst ? 0 : this.#list.weight;
  }
}
