import type { CallContext } from '@bp/core';
import type { Entry } from './entry.ts';

/** Entries in the order in which they come out. */
export interface Ordered<T> {
  add(entry: Entry<T>): void;
  remove(entry: Entry<T>): void;
  /** Removes one that is taken: what it weighs counts as served to its key. */
  serve(entry: Entry<T>): void;
  /** Who comes out next; with `newestFirst` the newest of those who stand equal. */
  next(newestFirst: boolean): Entry<T> | undefined;
  /** Who makes room first. */
  victim(): Entry<T> | undefined;
  /** The sum of the weights of those that come out before such a newcomer. */
  weightAhead(newcomer: CallContext, newestFirst: boolean): number;
}

/** All entries of a queue, and who makes room for whom. */
export interface Storage<T> extends Ordered<T> {
  /** Whether one of whom nothing is known may take the place of another such. */
  readonly displacesEquals: boolean;
  /** Who would leave for such a newcomer, so many and of so much weight at least; undefined if they do not have to. */
  victimsFor(newcomer: CallContext, items: number, weight: number): Entry<T>[] | undefined;
}
