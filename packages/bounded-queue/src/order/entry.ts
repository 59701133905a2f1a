import type { CallContext } from '@bp/core';
import { EMPTY_CONTEXT } from '@bp/core/kit';

/** A queued item with what its context says. */
export class Entry<T> {
  readonly item: T;
  readonly ctx: CallContext;
  readonly priority: number;
  readonly weight: number;
  /** The key between which a fair queue shares. */
  readonly key: string | undefined;
  /** When it was queued; `NaN` in queues without sojourn control. */
  readonly queuedAt: number;
  /** Whether it is still in the queue. */
  queued: boolean;
  /** Stops watching its context. */
  unwatch: (() => void) | undefined;
  /** Neighbours in an `EntryList`. */
  previous: Entry<T> | undefined;
  next: Entry<T> | undefined;

  constructor(item: T, ctx: CallContext = EMPTY_CONTEXT, queuedAt = Number.NaN) {
    const { priority = 0, cost = 1, key } = ctx;
    this.item = item;
    this.ctx = ctx;
    this.priority = priority;
    this.weight = cost;
    this.key = key;
    this.queuedAt = queuedAt;
    this.queued = true;
    this.unwatch = undefined;
    this.previous = undefined;
    this.next = undefined;
  }
}
