import { type CallContext, type Clock, RejectedError, type Timer } from '@bp/core';
import { rejectionAtEntry, watchContext } from '@bp/core/kit';

/** What a line of waiters stands in front of. */
export interface Gate {
  /** Milliseconds after `now` at which `cost` is admitted; `Infinity` if never. */
  waitMs(cost: number, now: number): number;
  /** Takes `cost` if it is admitted at `now`. */
  take(cost: number, now: number): boolean;
}

class Waiter {
  readonly cost: number;
  readonly admit: () => void;
  readonly reject: (error: Error) => void;
  previous: Waiter | undefined;
  next: Waiter | undefined;
  unwatch: (() => void) | undefined;
  gone = false;

  constructor(cost: number, admit: () => void, reject: (error: Error) => void) {
    this.cost = cost;
    this.admit = admit;
    this.reject = reject;
  }
}

/**
 * Those who wait for a gate, first come first served, with one timer for all: it is set for the first, and whoever
 * leaves shortens the wait of everyone behind. Joining and leaving are O(1).
 */
export class Waiters {
  /** How many wait. */
  size = 0;
  /** The sum of their costs. */
  cost = 0;
  /** How many left before their turn: cancelled, or past their deadline. */
  left = 0;
  readonly #gate: Gate;
  readonly #clock: Clock;
  readonly #name: string;
  #first: Waiter | undefined;
  #last: Waiter | undefined;
  #timer: Timer | undefined;
  #drained: Promise<void> | undefined;
  #onDrained: (() => void) | undefined;

  constructor(gate: Gate, clock: Clock, name: string) {
    this.#gate = gate;
    this.#clock = clock;
    this.#name = name;
  }

  /** Waits behind everyone who is already here. Rejects when `ctx` ends first. */
  join(cost: number, ctx: CallContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(cost, resolve, reject);
      this.#append(waiter);
      waiter.unwatch = watchContext(ctx, this.#clock, this.#name, (rejection) =>
        this.#leave(waiter, rejection),
      );
      if (waiter.gone) waiter.unwatch?.();
      else if (this.#first === waiter) this.#arm(this.#clock.now());
    });
  }

  /** Admits from the front whoever the gate admits now: on time, and after anything that changed the wait. */
  readonly serve = (): void => {
    const now = this.#clock.now();
    this.#admit(now);
    this.#arm(now);
  };

  /** The same at `now`, for when nothing has changed but the time. */
  serveDue(now: number): void {
    if (this.#admit(now)) this.#arm(now);
  }

  /** Goes on under another limit: whoever waits for more than `maxCost` can never be admitted any more. */
  reconsider(maxCost: number): void {
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.next) {
      if (waiter.cost <= maxCost) continue;
      this.left++;
      this.#remove(waiter);
      waiter.reject(new RangeError(`cost must be a number from 0 to ${maxCost} by now, got ${waiter.cost}`));
    }
    this.serve();
  }

  /** The costs of those at the front whose going frees at least `cost`, without the last of them. */
  costBefore(cost: number): number {
    let before = 0;
    for (let waiter = this.#first; waiter !== undefined; waiter = waiter.next) {
      if (before + waiter.cost >= cost) break;
      before += waiter.cost;
    }
    return before;
  }

  /** Resolves when nobody waits any more. Those who still wait when `ctx` ends are rejected with `SHUTTING_DOWN`. */
  close(ctx: CallContext): Promise<void> {
    if (this.#first === undefined) return Promise.resolve();
    this.#drained ??= new Promise((resolve) => {
      this.#onDrained = resolve;
    });
    if (rejectionAtEntry(ctx, this.#clock, this.#name) !== undefined) {
      this.#rejectAll();
    } else {
      const unwatch = watchContext(ctx, this.#clock, this.#name, () => this.#rejectAll());
      if (unwatch !== undefined) this.#drained.then(unwatch);
    }
    return this.#drained;
  }

  #admit(now: number): boolean {
    const { size } = this;
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (!this.#gate.take(first.cost, now)) break;
      this.#remove(first);
      first.admit();
    }
    return this.size < size;
  }

  #rejectAll(): void {
    for (let first = this.#first; first !== undefined; first = this.#first) {
      this.left++;
      this.#remove(first);
      first.reject(new RejectedError('SHUTTING_DOWN', this.#name));
    }
    this.#arm(this.#clock.now());
  }

  #leave(waiter: Waiter, rejection: RejectedError): void {
    if (waiter.gone) return;
    const wasFirst = waiter === this.#first;
    this.left++;
    this.#remove(waiter);
    waiter.reject(rejection);
    if (wasFirst) this.serve();
  }

  #arm(now: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#first === undefined) {
      this.#onDrained?.();
      return;
    }
    const wait = this.#gate.waitMs(this.#first.cost, now);
    // A gate that rejects now and sees no reason to wait is asked again a millisecond later.
    if (wait < Number.POSITIVE_INFINITY) this.#timer = this.#clock.setTimer(this.serve, wait > 0 ? wait : 1);
  }

  #append(waiter: Waiter): void {
    waiter.previous = this.#last;
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.size++;
    this.cost += waiter.cost;
  }

  #remove(waiter: Waiter): void {
    const { previous, next } = waiter;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    waiter.gone = true;
    waiter.unwatch?.();
    this.size--;
    // Fractions must not leave a rest behind.
    this.cost = this.size === 0 ? 0 : this.cost - waiter.cost;
  }
}
