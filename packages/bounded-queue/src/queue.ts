import { type CallContext, RejectedError, type RejectionCode, type Unsubscribe } from '@bp/core';
import { EMPTY_CONTEXT, rejectionAtEntry, watchContext } from '@bp/core/kit';
import { Contents } from './contents.ts';
import { News } from './news.ts';
import type { ResolvedQueueOptions } from './options.ts';
import { PlainItems } from './plain-items.ts';
import type { Storage } from './storage.ts';
import { WaitList } from './wait-list.ts';

/** A snapshot of a queue: gauges and counters that only grow. */
export interface QueueStats {
  /** Items waiting now. */
  readonly size: number;
  readonly capacity: number;
  /** The sum of the weights of the items waiting now. */
  readonly weight: number;
  /** Whether the size has reached the high water mark and not yet fallen to the low one. */
  readonly saturated: boolean;
  readonly waitingProducers: number;
  readonly waitingTakers: number;
  /** Items ever accepted: each is taken, dropped or still waiting. */
  readonly accepted: number;
  readonly taken: number;
  readonly dropped: number;
  /** Items ever rejected. */
  readonly rejected: number;
}

/** What all queues have in common: everything but the order in which items come out and who makes room for whom. */
export abstract class Queue<T> implements AsyncIterable<T>, AsyncDisposable {
  readonly #plain = new PlainItems<T>();
  readonly #options: ResolvedQueueOptions<T>;
  readonly #news: News<T>;
  readonly #contents: Contents<T>;
  readonly #takers: WaitList<undefined, T>;
  readonly #producers: WaitList<T, void>;
  #rejected = 0;
  #closing = false;
  #emptied: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  protected constructor(options: ResolvedQueueOptions<T>, storage: Storage<T>) {
    this.#options = options;
    const { highWater, lowWater, onDrop, clock, name } = options;
    this.#news = new News(highWater, lowWater, onDrop);
    this.#contents = new Contents(options, this.#plain, storage, this.#news, () => this.#settle());
    this.#takers = new WaitList(clock, name, () => this.#settle());
    this.#producers = new WaitList(clock, name, () => {
      this.#rejected++;
      this.#settle();
    });
    this.#contents.openBand();
  }

  /** Items waiting now. O(1). */
  get size(): number {
    return this.#contents.size;
  }

  /** Items that may wait at once. */
  get capacity(): number {
    return this.#options.capacity;
  }

  /**
   * Adds `item` if there is room, or hands it to whoever waits for one. Never throws; false if it is rejected: full,
   * closing, heavier than the queue, `undefined` (which cannot be told from an empty queue), or `ctx` is over.
   */
  tryPush(item: T, ctx?: CallContext): boolean {
    const plain = this.#plain;
    const isPlain = (ctx === undefined || ctx === EMPTY_CONTEXT) && item !== undefined;
    // Most say nothing of themselves, and find room: for them this is all there is to ask.
    if (!isPlain || !plain.pushIsUnheard) return this.#tryPushHeard(item, ctx);
    plain.pushFree(item);
    return true;
  }

  /**
   * Adds `item`; resolves when it is accepted, which a full queue lets up to `maxWaitingProducers` callers wait for.
   *
   * Rejects with a `RejectedError` of code `QUEUE_FULL` (with the time in which the backlog drains, once the queue has
   * seen itself drain), `SHUTTING_DOWN`, `CANCELLED` or `DEADLINE_EXCEEDED`; with a `RangeError` if the cost is not
   * above 0 or above `maxWeight`, or the priority is `NaN`; with a `TypeError` if the item is `undefined`.
   */
  async push(item: T, ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    const { name, maxWeight, maxWaitingProducers, clock } = this.#options;
    if (item === undefined) throw new TypeError('item must not be undefined');
    const { cost = 1, priority = 0 } = ctx;
    if (Number.isNaN(priority)) throw new RangeError('priority must be a number, got NaN');
    if (!(cost > 0 && cost <= maxWeight)) {
      throw new RangeError(`cost must be above 0 and at most maxWeight = ${maxWeight}, got ${cost}`);
    }
    const code = this.#producers.length > 0 ? 'QUEUE_FULL' : this.#admit(item, ctx);
    this.#settle();
    if (code === undefined) return;
    const over = rejectionAtEntry(ctx, clock, name);
    if (over === undefined && code === 'QUEUE_FULL' && this.#producers.length < maxWaitingProducers) {
      this.#plain.shutBand();
      const accepted = this.#producers.wait(item, ctx);
      // Whoever was told of this may have made room already.
      this.#settle();
      return accepted;
    }
    this.#rejected++;
    throw over ?? this.#rejection(code, ctx);
  }

  /** Removes and returns the next item, undefined if there is none. What has expired or was cancelled is not handed out. */
  tryTake(): T | undefined {
    const plain = this.#plain;
    return plain.shiftIsUnheard ? plain.shiftUsed() : this.#tryTakeHeard();
  }

  /** The same, but undefined and nothing removed if `wanted` is not true for the next item. */
  tryTakeIf(wanted: (item: T) => boolean): T | undefined {
    const plain = this.#plain;
    if (!plain.shiftIsUnheard) return this.#tryTakeIfHeard(wanted);
    const item = plain.peek() as T;
    if (!wanted(item)) return undefined;
    // Whoever was asked may have changed what there is.
    return plain.shiftIsUnheard && plain.peek() === item ? plain.shiftUsed() : undefined;
  }

  /** The next item, which stays where it is; undefined if there is none. */
  peek(): T | undefined {
    const item = this.#contents.peek();
    this.#settle();
    return item === undefined && this.size > 0 ? this.peek() : item;
  }

  /**
   * Removes and returns the next item, waiting for it if there is none; first come, first served.
   *
   * Rejects with a `RejectedError` of code `SHUTTING_DOWN` when the queue is closed and empty, `QUEUE_FULL` if
   * `maxWaitingTakers` are waiting already, `CANCELLED` or `DEADLINE_EXCEEDED`.
   */
  async take(ctx: CallContext = EMPTY_CONTEXT): Promise<T> {
    const { clock, name, maxWaitingTakers } = this.#options;
    const over = rejectionAtEntry(ctx, clock, name);
    if (over !== undefined) throw over;
    const item = this.tryTake();
    if (item !== undefined) return item;
    if (this.#closing) throw new RejectedError('SHUTTING_DOWN', name);
    if (this.#takers.length >= maxWaitingTakers) throw new RejectedError('QUEUE_FULL', name);
    this.#plain.shutBand();
    return this.#takers.wait(undefined, ctx);
  }

  /** Takes items as they come; ends when the queue is closed and empty. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      let item = this.tryTake();
      if (item === undefined) {
        if (this.#closing) return;
        try {
          item = await this.take();
        } catch (error) {
          if (this.#closing) return;
          throw error;
        }
      }
      yield item;
    }
  }

  /** Whether {@link Queue.tryPush} would accept an item with this `ctx`, as far as room goes. */
  hasRoom(ctx: CallContext = EMPTY_CONTEXT): boolean {
    if (this.#closing || this.#producers.length > 0) return false;
    return this.#takers.length > 0 || this.#contents.hasRoom(ctx);
  }

  /**
   * The sum of the weights of the items that would come out before a newcomer with this `ctx`, if no more came; in a
   * `FairQueue` true to within one item of each key.
   */
  weightAhead(ctx: CallContext = EMPTY_CONTEXT): number {
    return this.#contents.weightAhead(ctx);
  }

  /** Drops everything that waits, each told `code`. Returns how many there were. */
  clear(code: RejectionCode = 'SHED'): number {
    return this.#dropped(() => this.#contents.clear(code));
  }

  /** Calls `listener` with true when the queue reaches its high water mark, with false when it is back at the low one. */
  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    return this.#news.onSaturation(listener);
  }

  /** A snapshot; reading it costs nobody else anything. */
  stats(): QueueStats {
    const { size, weight, taken, dropped } = this.#contents;
    return {
      size,
      capacity: this.#options.capacity,
      weight,
      saturated: this.#news.saturated,
      waitingProducers: this.#producers.length,
      waitingTakers: this.#takers.length,
      accepted: size + taken + dropped,
      taken,
      dropped,
      rejected: this.#rejected,
    };
  }

  /**
   * Accepts nothing more and resolves when the queue is empty. When `ctx` ends first, what is left is dropped with
   * `SHUTTING_DOWN`; without one it waits for as long as it takes. Idempotent: a later call only may end it sooner.
   */
  close(ctx: CallContext = EMPTY_CONTEXT): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#plain.shutBand();
      this.#takers.rejectAll('SHUTTING_DOWN');
      this.#rejected += this.#producers.length;
      this.#producers.rejectAll('SHUTTING_DOWN');
    }
    const { clock, name } = this.#options;
    this.#closed ??= new Promise((resolve) => {
      this.#emptied = resolve;
      if (this.size === 0) resolve();
    });
    if (this.size > 0) {
      if (rejectionAtEntry(ctx, clock, name) !== undefined) {
        this.clear('SHUTTING_DOWN');
      } else {
        const stop = watchContext(ctx, clock, name, () => this.clear('SHUTTING_DOWN'));
        void this.#closed.then(stop);
      }
    }
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Drops everything that is as unimportant as anything in it. Returns how many there were. */
  protected dropLowest(): number {
    return this.#dropped(() => this.#contents.dropLowest());
  }

  #tryPushHeard(item: T, ctx: CallContext = EMPTY_CONTEXT): boolean {
    if (this.#producers.length === 0) {
      const code = this.#admit(item, ctx);
      this.#settle();
      if (code === undefined) return true;
    }
    this.#rejected++;
    return false;
  }

  #tryTakeHeard(): T | undefined {
    const item = this.#contents.take();
    this.#settle();
    // All that was left was over, and others have come in for it.
    return item === undefined && this.size > 0 ? this.tryTake() : item;
  }

  #tryTakeIfHeard(wanted: (item: T) => boolean): T | undefined {
    const { dropped } = this.#contents;
    const item = this.#contents.takeIf(wanted);
    this.#settle();
    return item === undefined && this.#contents.dropped > dropped ? this.tryTakeIf(wanted) : item;
  }

  /** How many `drop` drops. */
  #dropped(drop: () => void): number {
    const before = this.#contents.dropped;
    drop();
    const count = this.#contents.dropped - before;
    this.#settle();
    return count;
  }

  /** Undefined if the item was accepted, else why not. */
  #admit(item: T, ctx: CallContext): RejectionCode | undefined {
    if (this.#closing) return 'SHUTTING_DOWN';
    if (item === undefined) return 'QUEUE_FULL';
    if (ctx !== EMPTY_CONTEXT) {
      const { clock, name, maxWeight } = this.#options;
      const over = rejectionAtEntry(ctx, clock, name);
      if (over !== undefined) return over.code;
      const { cost = 1, priority = 0 } = ctx;
      if (!(cost > 0 && cost <= maxWeight) || Number.isNaN(priority)) return 'QUEUE_FULL';
    }
    if (this.#takers.length > 0 && this.#handOver(item)) return undefined;
    return this.#contents.add(item, ctx) ? undefined : 'QUEUE_FULL';
  }

  #handOver(item: T): boolean {
    const taker = this.#takers.shift();
    if (taker === undefined) return false;
    this.#contents.handedOver();
    taker.resolve(item);
    return true;
  }

  /** What comes of a change: others come in, the end is reached, and whoever is to hear of it does. */
  #settle(): void {
    if (this.#producers.length > 0) this.#admitProducers();
    if (this.#closing && this.size === 0) this.#emptied?.();
    this.#plain.shutBand();
    const allTold = this.#news.tell(this);
    const isQuiet = !this.#closing && this.#takers.length === 0 && this.#producers.length === 0;
    if (allTold && isQuiet) this.#contents.openBand();
  }

  /** Whoever waited longest comes first; a heavy one is not overtaken by lighter ones. */
  #admitProducers(): void {
    const { clock, name } = this.#options;
    for (let first = this.#producers.first(); first !== undefined; first = this.#producers.first()) {
      // Its timer is late: it must not keep the others waiting.
      const over = rejectionAtEntry(first.ctx, clock, name);
      if (over === undefined && this.#admit(first.payload, first.ctx) !== undefined) return;
      this.#producers.shift();
      if (over === undefined) {
        first.resolve();
      } else {
        this.#rejected++;
        first.reject(over);
      }
    }
  }

  #rejection(code: RejectionCode, ctx: CallContext): RejectedError {
    const retryAfterMs = code === 'QUEUE_FULL' ? this.#contents.drainMs(ctx) : undefined;
    return new RejectedError(code, this.#options.name, { retryAfterMs });
  }
}
