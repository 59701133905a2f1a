import {
  type CallContext,
  type DrainOptions,
  RejectedError,
  type RejectionCode,
  type Unsubscribe,
} from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry, WaitQueue } from '@bp/core/kit';
import { Admission } from './admission.ts';
import { Ending } from './closing.ts';
import { Contents } from './contents/contents.ts';
import type { QuietOperations } from './contents/quiet-ring.ts';
import { Notifications } from './notifications.ts';
import type { ResolvedQueueOptions } from './options.ts';
import type { Order } from './order/order.ts';
import { QueueIterator } from './queue-iterator.ts';
import type { QueueStats } from './queue-stats.ts';

/** What all queues have in common: all but the order in which items are taken and evicted. */
export abstract class Queue<T> implements AsyncIterable<T>, AsyncDisposable {
  /** Part of the contents; most calls need nothing else. */
  readonly #quiet: QuietOperations<T>;
  readonly #options: ResolvedQueueOptions<T>;
  readonly #contents: Contents<T>;
  readonly #notifications: Notifications<T>;
  readonly #admission: Admission<T>;
  readonly #takers: WaitQueue<undefined, T>;
  readonly #ending: Ending;
  #serving = false;

  protected constructor(options: ResolvedQueueOptions<T>, order: Order<T>) {
    const { clock, name, maxWeight, maxWaitingTakers } = options;
    const settle = (): void => this.#settle();
    this.#contents = new Contents(options, order, {
      onDropped: (item, rejection) => this.#notifications.addDrop(item, rejection),
      unwatchLater: (unwatch) => this.#notifications.addUnwatch(unwatch),
      onEnded: settle,
    });
    this.#quiet = this.#contents.quiet;
    this.#options = options;
    this.#notifications = new Notifications(options);
    this.#ending = new Ending({
      clock,
      name,
      isEmpty: () => this.size === 0,
      cancelRest: () => this.clear('SHUTTING_DOWN'),
      settle,
    });
    this.#admission = new Admission({
      queue: options,
      rules: { maxWeight, keyed: order.keyed },
      contents: this.#contents,
      byPriority: order.byPriority,
      isClosing: () => this.#ending.isClosing,
      settle,
    });
    this.#takers = new WaitQueue({
      clock,
      name,
      maxQueue: maxWaitingTakers,
      serve: (taker) => {
        const item = this.#contents.take();
        if (item === undefined) return false;
        taker.resolve(item);
        return true;
      },
      onLeft: settle,
    });
    this.#contents.allowQuiet(false);
  }

  /** Items queued now. O(1). */
  get size(): number {
    return this.#contents.size;
  }

  /** How many items may be queued. */
  get capacity(): number {
    return this.#options.capacity;
  }

  /**
   * Adds `item` if there is room, or gives it to a waiting `take`. Never throws. Returns false if it is rejected: the queue is
   * full or closing, the cost or priority is not allowed, `ctx` is over, or `item` is `undefined`.
   */
  tryPush(item: T, ctx?: CallContext): boolean {
    const quiet = this.#quiet;
    const isBare = (ctx === undefined || ctx === EMPTY_CONTEXT) && item !== undefined;
    if (!isBare || !quiet.isPushQuiet) return this.#admission.tryPush(item, ctx);
    quiet.pushFree(item);
    return true;
  }

  /**
   * Adds `item`; resolves when it is accepted. Up to `maxWaitingProducers` calls wait for room in a full queue: in FIFO order, and
   * by priority in a `PriorityQueue` and a `FairQueue`. A waiting call does not keep the process alive.
   *
   * Rejects with a `RejectedError`: `QUEUE_FULL` (`retryAfterMs`: the estimated time until the items ahead are taken, undefined
   * while unknown), `SHUTTING_DOWN`, `CANCELLED` or `DEADLINE_EXCEEDED`. Rejects with a `RangeError` if the cost is not above 0 or
   * above `maxWeight`, or the priority or deadline is `NaN`; with a `TypeError` if the item is `undefined`.
   */
  push(item: T, ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    return this.#admission.push(item, ctx);
  }

  /**
   * Returns the rejection with which `push` would reject an item with this `ctx` now; undefined if it would accept it or let it
   * wait. Counts nothing. `retryAfterMs` is `Infinity` if the queue could never hold such an item.
   */
  check(ctx: CallContext = EMPTY_CONTEXT): RejectedError | undefined {
    return this.#admission.check(ctx);
  }

  /**
   * Returns whether `tryPush` would accept an item with this `ctx` now. Unlike `check`, a wait that `push` allows does not count.
   * Stale items are dropped first.
   */
  hasRoom(ctx: CallContext = EMPTY_CONTEXT): boolean {
    return this.#admission.hasRoom(ctx);
  }

  /** Removes and returns the next item, undefined if there is none. Never returns an item that is cancelled or expired. */
  tryTake(): T | undefined {
    const quiet = this.#quiet;
    return quiet.isTakeQuiet ? quiet.shiftUsed() : this.#tryTake();
  }

  /** Does the same if `wanted` returns true for the next item; else returns undefined and removes nothing. */
  tryTakeIf(wanted: (item: T) => boolean): T | undefined {
    return this.#quiet.isTakeQuiet ? this.#contents.takeIf(wanted) : this.#tryTakeIf(wanted);
  }

  /**
   * Removes and returns the next item, or waits for one in FIFO order. A waiting call does not keep the process alive.
   *
   * Rejects with a `RejectedError`: `SHUTTING_DOWN` if the queue is closed and empty, `QUEUE_FULL` if `maxWaitingTakers` calls
   * wait already, `CANCELLED` or `DEADLINE_EXCEEDED`. Such rejections are not counted in `stats().rejected`.
   */
  async take(ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    const { clock, name } = this.#options;
    const over = rejectionAtEntry(ctx, clock, name);
    if (over !== undefined) throw over;
    const item = this.tryTake();
    if (item !== undefined) return item;
    if (this.#ending.isClosing) throw new RejectedError('SHUTTING_DOWN', name);
    this.#contents.forbidQuiet();
    const taken = this.#takers.wait(undefined, ctx);
    this.#settle();
    return taken;
  }

  /** The next item, which stays in the queue; undefined if there is none. */
  peek(): T | undefined {
    for (;;) {
      const item = this.#contents.peek();
      this.#settle();
      if (item !== undefined || this.size === 0) return item;
    }
  }

  /** Takes items until the queue is closed and empty. Ending the iteration takes no further item. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined, void> {
    return new QueueIterator(this, () => this.#ending.isClosing);
  }

  /**
   * The sum of the weights of the items that would be taken before an item with this `ctx` that is pushed now; in a `FairQueue`
   * true to within one item of each key. O(log n).
   */
  weightAhead(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.#contents.weightAhead(ctx);
  }

  /** Drops all items with `code`. Returns how many. */
  clear(code: RejectionCode = 'SHED'): number {
    return this.#drop(() => this.#contents.clear(code));
  }

  /** Calls `listener` with true when the queue becomes saturated, and with false when it is no longer so. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#notifications.onSaturation(listener);
  }

  /** Calls `listener` with the rejection of each rejected push, at once or after it has waited. Free without listeners. */
  onRejected(listener: (rejection: RejectedError) => void): Unsubscribe {
    return this.#admission.rejections.onRejected(listener);
  }

  /** Returns a snapshot. O(1). */
  stats(): QueueStats {
    const { size, weight, taken, dropped } = this.#contents;
    const { producers, rejections } = this.#admission;
    return {
      size,
      capacity: this.capacity,
      weight,
      saturated: this.#notifications.saturated,
      waitingProducers: producers.size,
      waitingTakers: this.#takers.size,
      accepted: size + taken + dropped,
      taken,
      dropped,
      rejected: rejections.count,
    };
  }

  /**
   * Resolves when the queue is empty; it keeps accepting items. Keeps the process alive. Rejects with `DEADLINE_EXCEEDED` after
   * `withinMs`, and with `CANCELLED` when `signal` is aborted first.
   */
  drain(options: DrainOptions = {}): Promise<void> {
    this.#contents.forbidQuiet();
    const drained = this.#ending.drain(options);
    this.#settle();
    return drained;
  }

  /**
   * Closes the queue: rejects pushes and waiting calls, and resolves when all items are taken. After `withinMs`, or when
   * `signal` is aborted, drops the remaining items with `SHUTTING_DOWN`. Keeps the process alive until then. A later call
   * may only end it sooner.
   */
  close(options?: DrainOptions): Promise<void> {
    const closed = this.#ending.close(options);
    if (this.#ending.isClosing) {
      this.#admission.producers.rejectAll('SHUTTING_DOWN');
      this.#takers.rejectAll('SHUTTING_DOWN');
      this.#settle();
    }
    return closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Drops all items of the lowest priority. Returns how many. */
  protected dropLowest(): number {
    return this.#drop(() => this.#contents.dropLowest());
  }

  #tryTake(): T | undefined {
    for (;;) {
      const item = this.#contents.take();
      this.#settle();
      // Expired items may have been all there was, and waiting producers or `onDrop` have brought others since.
      if (item !== undefined || this.size === 0) return item;
    }
  }

  #tryTakeIf(wanted: (item: T) => boolean): T | undefined {
    for (;;) {
      const { dropped } = this.#contents;
      const item = this.#contents.takeIf(wanted);
      this.#settle();
      if (item !== undefined || this.#contents.dropped === dropped) return item;
    }
  }

  #drop(drop: () => void): number {
    const { dropped } = this.#contents;
    drop();
    const count = this.#contents.dropped - dropped;
    this.#settle();
    return count;
  }

  /** Completes every operation that is not quiet: serves waiters, notifies, and allows quiet operations again. */
  #settle(): void {
    if (this.#serving) return;
    this.#serving = true;
    try {
      this.#serveWaiters();
    } finally {
      this.#serving = false;
    }
    this.#ending.settleIfEmpty();
    this.#contents.forbidQuiet();
    const delivered = this.#notifications.deliver(this);
    const { producers } = this.#admission;
    const isAwaited = producers.size > 0 || this.#takers.size > 0 || this.#ending.isAwaited;
    if (delivered && !isAwaited) this.#contents.allowQuiet(this.#notifications.saturated);
  }

  #serveWaiters(): void {
    const { producers } = this.#admission;
    for (;;) {
      const { taken } = this.#contents;
      if (producers.size > 0) producers.serve();
      if (this.#takers.size > 0) this.#takers.serve();
      // A callback of a taker's context may have brought producers, and the next taker room for them.
      if (producers.size === 0 || this.#contents.taken === taken) return;
    }
  }
}
