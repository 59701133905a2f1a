import type { CallContext } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';

/** An item in a queue, with what is known of it. */
export class Entry<T> {
  readonly item: T;
  readonly ctx: CallContext;
  readonly priority: number;
  readonly weight: number;
  /** Who asks, where the queue shares between them. */
  readonly key: string | undefined;
  /** When it came, where the queue minds how long items wait. */
  readonly since: number;
  /** Whether it is still there. */
  queued: boolean;
  /** Stops watching for cancellation and deadline. */
  stopWatching: (() => void) | undefined;
  /** Neighbours in the list that it stands in. */
  previous: Entry<T> | undefined;
  next: Entry<T> | undefined;

  constructor(item: T, ctx: CallContext = EMPTY_CONTEXT, since = Number.NaN) {
    const { priority = 0, cost = 1, key } = ctx;
    this.item = item;
    this.ctx = ctx;
    this.priority = priority;
    this.weight = cost;
    this.key = key;
    this.since = since;
    this.queued = true;
    this.stopWatching = undefined;
    this.previous = undefined;
    this.next = undefined;
  }
}
