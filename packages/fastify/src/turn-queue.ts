import { AsyncResource } from 'node:async_hooks';
import type { Clock } from '@bp/core';
import { type LoopBudget, loopBudgetOf } from '@bp/core/kit';

interface Entry {
  readonly start: () => void;
  next: Entry | undefined;
}

/** How many of the last starts the estimate follows. */
const REMEMBERED = 50;
/** Far more than a load gate lets wait: what bounds memory when it has no estimate yet. */
const MAX_WAITING = 10_000;

/**
 * Starts handlers on the loop's budget. Handlers that run one after the other in one turn of the loop keep it from
 * reading, timing and rejecting what arrives meanwhile, and from accepting connections, of which libuv takes one a turn;
 * so once the budget of a turn is spent the rest waits here, first come first served, and the loop is given back.
 */
export class TurnQueue {
  readonly #clock: Clock;
  readonly #budget: LoopBudget;
  #first: Entry | undefined;
  #last: Entry | undefined;
  #waiting = 0;
  #lastStart = 0;
  #msPerStart = 0;
  #measured = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#budget = loopBudgetOf(clock);
  }

  /** Handlers that wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether no more should wait, however short the wait seems. */
  get isFull(): boolean {
    return this.#waiting >= MAX_WAITING;
  }

  /** Milliseconds a handler that came now would wait, judged by how fast the last ones were started. */
  estimatedWaitMs(): number {
    return this.#waiting * this.#msPerStart;
  }

  /** Whether a handler may start at once: nobody waits, and this turn has budget left, which it then takes from. */
  tryEnter(): boolean {
    return this.#first === undefined && this.#budget.allows(this.#clock.now());
  }

  /** Calls `start` when it is its turn. */
  enter(start: () => void): void {
    // What runs later must still run in the async context of its own request.
    const entry: Entry = { start: AsyncResource.bind(start), next: undefined };
    this.#waiting++;
    if (this.#last === undefined) {
      this.#first = entry;
      this.#lastStart = this.#clock.now();
      this.#budget.whenNextTurn(this.#startNext);
    } else {
      this.#last.next = entry;
    }
    this.#last = entry;
  }

  readonly #startNext = (): void => {
    const entry = this.#first;
    if (entry === undefined) return;
    const now = this.#clock.now();
    this.#measured = Math.min(this.#measured + 1, REMEMBERED);
    this.#msPerStart += (now - this.#lastStart - this.#msPerStart) / this.#measured;
    this.#lastStart = now;
    this.#waiting--;
    this.#first = entry.next;
    if (this.#first === undefined) this.#last = undefined;
    else queueMicrotask(this.#whenSettled);
    entry.start();
  };

  // A handler's own microtasks are part of what it costs: all of them run before the next tick, which asks again.
  readonly #whenSettled = (): void => {
    process.nextTick(this.#goOn);
  };

  readonly #goOn = (): void => {
    if (this.#budget.allows(this.#clock.now())) this.#startNext();
    else this.#budget.whenNextTurn(this.#startNext);
  };
}
