import { AsyncResource } from 'node:async_hooks';
import { type Clock, type LoopBudget, loopBudgetOf } from '@bp/core';

interface Entry {
  readonly start: () => void;
  next: Entry | undefined;
}

/** How much one measurement moves the estimate: the last twenty or so count. */
const WEIGHT = 0.05;

/**
 * Starts handlers on the loop's budget. Handlers that run one after the other in one turn of the loop keep it from
 * reading, timing and refusing what arrives meanwhile, and from accepting connections, of which libuv takes one a turn;
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

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#budget = loopBudgetOf(clock);
  }

  /** Handlers that wait for their turn. */
  get waiting(): number {
    return this.#waiting;
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
    this.#msPerStart += (now - this.#lastStart - this.#msPerStart) * WEIGHT;
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
