import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';
import { EntryList } from './entry-list.ts';
import { SumNode } from './sum-tree.ts';

/** The entries of one priority, which is its rank. Its count and weight are those of its entries. */
export abstract class Level<T> extends SumNode {
  abstract add(entry: Entry<T>): void;
  abstract remove(entry: Entry<T>): void;
  abstract serve(entry: Entry<T>): void;
  abstract next(newestFirst: boolean): Entry<T> | undefined;
  abstract least(): Entry<T> | undefined;
  abstract canEvictFor(ctx: CallContext, items: number, weight: number): boolean;
  abstract evictionFor(ctx: CallContext, weight: number): Entry<T> | undefined;
  abstract weightAhead(ctx: CallContext, newestFirst: boolean): number;
}

/** First in, first out. The newest entry matters least: it has waited least. None is evicted for an equal item. */
export class FifoLevel<T> extends Level<T> {
  readonly #entries = new EntryList<T>();

  add(entry: Entry<T>): void {
    this.#entries.add(entry);
    this.#sum();
  }

  remove(entry: Entry<T>): void {
    this.#entries.remove(entry);
    this.#sum();
  }

  serve(entry: Entry<T>): void {
    this.remove(entry);
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    return this.#entries.next(newestFirst);
  }

  least(): Entry<T> | undefined {
    return this.#entries.last;
  }

  canEvictFor(): boolean {
    return false;
  }

  evictionFor(): undefined {
    return undefined;
  }

  weightAhead(_ctx: CallContext, newestFirst: boolean): number {
    return this.#entries.weightAhead(newestFirst);
  }

  #sum(): void {
    this.count = this.#entries.size;
    this.weight = this.#entries.weight;
  }
}
