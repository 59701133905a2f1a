import type { AdmissionOptions } from '@bp/core';

/** An item in a queue with what is known of it; where nothing is, a FIFO stores the item itself. */
export class Entry<T> {
  readonly item: T;
  readonly priority: number;
  readonly weight: number;
  readonly ctx: AdmissionOptions;
  /** Stops watching for cancellation and deadline. */
  stopWatching: (() => void) | undefined;
  /** Whether it is still queued. */
  queued = true;
  /** Neighbours in the list of its priority. */
  previous: Entry<T> | undefined;
  next: Entry<T> | undefined;

  constructor(item: T, priority: number, weight: number, ctx: AdmissionOptions) {
    this.item = item;
    this.priority = priority;
    this.weight = weight;
    this.ctx = ctx;
  }
}

/** How a queue keeps what it holds: in which order it comes out, and who makes room for whom. */
export interface Storage<T> {
  /** Adds an item about which there is nothing to know: priority 0, weight 1, nobody who could cancel it. */
  addPlain(item: T): void;
  add(entry: Entry<T>): void;
  /** What comes out next. */
  peek(): T | Entry<T> | undefined;
  /** Removes and returns what comes out next. */
  shift(): T | Entry<T> | undefined;
  /** Removes an entry from wherever it is. */
  remove(entry: Entry<T>): void;
  /** Whether a newcomer of this priority may evict enough to fit, without evicting anything yet. */
  canMakeRoom(priority: number, items: number, weight: number): boolean;
  /** Removes and returns the one that makes room first. */
  evict(): T | Entry<T> | undefined;
}
