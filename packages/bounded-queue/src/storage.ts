import type { AdmissionOptions } from '@bp/core';
import type { Entry } from './entry.ts';

/** In which order entries come out, and who makes room for whom. */
export interface Storage<T> {
  /** Whether one of whom nothing is known may take the place of another such. */
  readonly displacesEquals: boolean;
  add(entry: Entry<T>): void;
  remove(entry: Entry<T>): void;
  /** Removes one that is taken: what it weighs counts as served to its key. */
  serve(entry: Entry<T>): void;
  /** Who comes out next; with `newestFirst` the newest of those who stand equal. */
  next(newestFirst: boolean): Entry<T> | undefined;
  /** Who makes room first. */
  victim(): Entry<T> | undefined;
  /** Who would have to leave so that such a newcomer finds room: so many, of so much weight. Undefined if they need not. */
  victimsFor(newcomer: AdmissionOptions, items: number, weight: number): Entry<T>[] | undefined;
  /** The sum of the weights of those that come out before such a newcomer. */
  weightAhead(newcomer: AdmissionOptions, newestFirst: boolean): number;
}
