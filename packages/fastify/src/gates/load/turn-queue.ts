import { AsyncResource } from 'node:async_hooks';
import { nextTick } from 'node:process';
import type { Clock } from '@bp/core';
import { type LoopBudget, loopBudgetOf, MAX_ESTIMATE_MS } from '@bp/core/kit';

interface Entry {
  readonly start: () => void;
  next: Entry | undefined;
}

/** The estimate follows about this many starts, or those of about this many milliseconds, whichever is sooner. */
const FOLLOWED_STARTS = 20;
const FOLLOWED_MS = 300;
/** Without a queue the estimate fades within this time: what comes next may be other work. */
const FORGOTTEN_MS = 2000;
/** Bounds memory while there is no estimate: far more than the load gate lets wait otherwise. */
const MAX_QUEUE = 10_000;

/**
 * Starts handlers within the loop budget, first in, first out. While handlers run one after the other in one turn of the event
 * loop, it can neither read, time nor reject other requests, nor accept connections.
 */
export class TurnQueue {
  readonly #clock: Clock;
  readonly #budget: LoopBudget;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #size = 0;
  #lastStart = 0;
  /** Since when no handler waits and the last one has begun; `Infinity` while one waits or begins. */
  #idleSince = Number.POSITIVE_INFINITY;
  #msPerStart = 0;
  #measured = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#budget = loopBudgetOf(clock);
  }

  /** How many handlers wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether the queue has reached its bound, however short the estimated wait. */
  get isFull(): boolean {
    return this.#size >= MAX_QUEUE;
  }

  /** Milliseconds that a handler added now would wait, from the rate of the last starts; at most `MAX_ESTIMATE_MS`. */
  estimatedWaitMs(): number {
    return Math.min(MAX_ESTIMATE_MS, this.#size * this.#msPerStart);
  }

  /** Whether a handler may start at once: none waits and this turn has budget left, which the handler then uses. */
  tryStart(): boolean {
    return this.#first === undefined && this.#budget.allows(this.#clock.now());
  }

  /** Calls `start` when the handlers in front have started and a turn has budget left. */
  enqueue(start: () => void): void {
    // A handler that starts later must still run in the async context of its own request.
    const entry: Entry = { start: AsyncResource.bind(start), next: undefined };
    this.#size++;
    if (this.#last === undefined) {
      this.#first = entry;
      this.#lastStart = this.#clock.now();
      this.#fade(this.#lastStart - this.#idleSince);
      this.#idleSince = Number.POSITIVE_INFINITY;
      this.#budget.whenNextTurn(this.#continue);
    } else {
      this.#last.next = entry;
    }
    this.#last = entry;
  }

  readonly #startNext = (): void => {
    const entry = this.#first;
    if (entry === undefined) return;
    this.#measure(this.#clock.now());
    this.#size--;
    this.#first = entry.next;
    if (this.#first === undefined) this.#last = undefined;
    // Not `queueMicrotask`, which fake timers replace: the queue would never continue.
    void Promise.resolve().then(this.#first === undefined ? this.#afterLast : this.#afterMicrotasks);
    entry.start();
  };

  #fade(idleMs: number): void {
    const left = 1 - Math.min(1, Math.max(0, idleMs) / FORGOTTEN_MS);
    this.#msPerStart *= left;
    this.#measured = Math.floor(this.#measured * left);
  }

  #measure(now: number): void {
    const ms = now - this.#lastStart;
    this.#lastStart = now;
    this.#measured = Math.min(this.#measured + 1, FOLLOWED_STARTS);
    const weight = Math.max(1 / this.#measured, Math.min(1, ms / FOLLOWED_MS));
    // A long start outweighs earlier ones; it must not count for as many as they were.
    this.#measured = Math.min(this.#measured, Math.ceil(1 / weight));
    this.#msPerStart += (ms - this.#msPerStart) * weight;
  }

  // The microtasks of a handler are part of its cost: all of them run before the next tick.
  readonly #afterMicrotasks = (): void => {
    nextTick(this.#continue);
  };

  readonly #afterLast = (): void => {
    nextTick(this.#onIdle);
  };

  readonly #onIdle = (): void => {
    if (this.#first === undefined) this.#idleSince = this.#clock.now();
  };

  readonly #continue = (): void => {
    if (this.#budget.allows(this.#clock.now())) this.#startNext();
    else this.#budget.whenNextTurn(this.#continue);
  };
}
