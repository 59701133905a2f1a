import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';
import { EntryList } from './entry-list.ts';
import type { Ordered } from './storage.ts';
import type { Victims } from './victims.ts';

/** The entries of one priority, which share what the more important leave. */
export interface Level<T> extends Ordered<T> {
  readonly priority: number;
  readonly size: number;
  readonly weight: number;
  /** Whoever makes room for somebody more important, in that order. */
  yieldAll(victims: Victims<T>): void;
  /** Whoever makes room for such an equal, in that order. */
  yieldTo(equal: CallContext, victims: Victims<T>): void;
}

/** First in, first out. The newest makes room first: it has waited least, and would have been served last. */
export class FifoLevel<T> extends EntryList<T> implements Level<T> {
  readonly priority: number;

  constructor(priority: number) {
    super();
    this.priority = priority;
  }

  next(newestFirst: boolean): Entry<T> | undefined {
    return newestFirst ? this.last : this.first;
  }

  victim(): Entry<T> | undefined {
    return this.last;
  }

  yieldAll(victims: Victims<T>): void {
    for (let entry = this.last; entry !== undefined && !victims.enough; entry = entry.previous) {
      victims.add(entry);
    }
  }

  yieldTo(): void {}

  serve(entry: Entry<T>): void {
    this.remove(entry);
  }

  weightAhead(_equal: CallContext, newestFirst: boolean): number {
    return newestFirst ? 0 : this.weight;
  }
}
