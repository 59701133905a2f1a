import { PriorityQueue } from '@bp/bounded-queue';
import { type AdmissionOptions, NO_ADMISSION_OPTIONS, type RejectedError, type Unsubscribe } from '@bp/core';
import type { ResolvedConcurrencyLimiterOptions } from './options.ts';
import type { Waiter } from './waiter.ts';

/**
 * Those who wait. As long as none of them has said anything of itself they stand in a plain list, which costs least;
 * with the first one that has, all move to a queue that minds it, and stay until that is empty.
 */
export class Waiters {
  readonly #capacity: number;
  /** Undefined if nobody may wait. */
  readonly #queue: PriorityQueue<Waiter> | undefined;
  #usesList = true;
  #listed = 0;
  #first: Waiter | undefined;
  #last: Waiter | undefined;

  constructor(
    { maxQueue: capacity, name, clock }: ResolvedConcurrencyLimiterOptions,
    onDrop: (waiter: Waiter, refusal: RejectedError) => void,
  ) {
    this.#capacity = capacity;
    if (capacity > 0) this.#queue = new PriorityQueue<Waiter>({ capacity, name, clock, onDrop });
  }

  get size(): number {
    if (this.#listed > 0) return this.#listed;
    return this.#queue === undefined ? 0 : this.#queue.size;
  }

  /** False if there is no room, or the call is over. */
  tryPush(waiter: Waiter, ctx: AdmissionOptions): boolean {
    if (this.#queue === undefined) return false;
    if (ctx !== NO_ADMISSION_OPTIONS || !this.#usesList || this.#queue.size > 0) {
      this.#leaveList();
      return this.#queue.tryPush(waiter, ctx);
    }
    if (this.#listed === this.#capacity) return false;
    if (this.#listed++ === 0) this.#first = waiter;
    else (this.#last as Waiter).next = waiter;
    this.#last = waiter;
    return true;
  }

  /** Removes and returns who is next; undefined if nobody is, or not `wanted`. */
  takeIf(wanted: (waiter: Waiter) => boolean): Waiter | undefined {
    if (this.#listed === 0) return this.#queue?.tryTakeIf(wanted);
    const next = this.#first;
    if (next === undefined || !wanted(next)) return undefined;
    this.#first = next.next;
    this.#listed--;
    return next;
  }

  /** Whether such a call would find room. */
  hasRoom(ctx: AdmissionOptions): boolean {
    if (this.#listed === 0) return this.#queue?.hasRoom(ctx) ?? false;
    return this.#listed < this.#capacity || (ctx.priority ?? 0) > 0;
  }

  /** What such a call would have to wait for: the sum of the weights of those who go first. */
  weightAhead(ctx: AdmissionOptions): number {
    if (this.#listed > 0) return (ctx.priority ?? 0) > 0 ? 0 : this.#listed;
    return this.#queue?.weightAhead(ctx) ?? 0;
  }

  onSaturation(listener: (saturated: boolean) => void): Unsubscribe {
    this.#usesList = false;
    this.#leaveList();
    return this.#queue?.onSaturation(listener) ?? (() => {});
  }

  /** Refuses whoever still waits when `ctx` ends. */
  async close(ctx: AdmissionOptions): Promise<void> {
    this.#leaveList();
    await this.#queue?.close(ctx);
  }

  #leaveList(): void {
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.next) {
      this.#queue?.tryPush(waiter);
    }
    this.#first = undefined;
    this.#listed = 0;
  }
}
