import type { Clock, Timer } from '../clock.ts';
import { Heap, HeapNode } from '../kit/heap.ts';

/** A timer, ranked by the time at which it is due. */
class Pending extends HeapNode {
  readonly callback: () => void;

  constructor(due: number, callback: () => void) {
    super(due);
    this.callback = callback;
  }
}

/** Returns the time `ms` after `now`. A positive delay always moves it, also one that is lost in the rounding of `now + ms`. */
function timeAfter(now: number, ms: number): number {
  return ms > 0 ? Math.max(now + ms, now + Math.abs(now) * Number.EPSILON) : now;
}

/**
 * A clock for tests and simulations, whose time moves only when it is advanced. Timers run in the order they are due, those
 * that are due at the same time in the order they were set. Setting and cancelling a timer costs O(log n).
 */
export class VirtualClock implements Clock {
  #now: number;
  readonly #pending = new Heap<Pending>();
  #turns: (() => void)[] = [];

  /** @param startMs - the first time that `now()` returns. Default: 0. */
  constructor(startMs = 0) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = new Pending(timeAfter(this.#now, delayMs), callback);
    this.#pending.add(timer);
    return { cancel: () => this.#pending.remove(timer) };
  }

  /** A turn of the event loop passes whenever time is advanced, by 0 ms too, and after each timer. */
  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** How many timers are set and have not fired; 0 if the code under test left none behind. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /**
   * Moves time forward by `ms` (>= 0). Runs each timer at its own time, and lets promises settle before, between and after.
   * @throws RangeError if `ms` is negative or not finite.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#endAfter(ms);
    await this.#turn();
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#run(timer);
      await this.#turn();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Does the same without letting promises settle: for code without promises, and for long property tests. */
  advanceSync(ms: number): void {
    const end = this.#endAfter(ms);
    this.#runTurns();
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#run(timer);
      this.#runTurns();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Sets the time without running timers, backwards too, as a blocked event loop or a broken clock would. */
  jumpTo(ms: number): void {
    this.#now = ms;
  }

  #endAfter(ms: number): number {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`ms must be a finite number of at least 0, got ${ms}`);
    }
    return this.#now + ms;
  }

  #nextUntil(end: number): Pending | undefined {
    const { first } = this.#pending;
    return first !== undefined && first.rank <= end ? first : undefined;
  }

  /** Lets promises settle and turns pass until neither leads to the other any more. */
  async #turn(): Promise<void> {
    await settle();
    while (this.#turns.length > 0) {
      this.#runTurns();
      await settle();
    }
  }

  #runTurns(): void {
    const turns = this.#turns;
    this.#turns = [];
    for (const callback of turns) callback();
  }

  #run(timer: Pending): void {
    this.#pending.remove(timer);
    this.#now = Math.max(this.#now, timer.rank);
    timer.callback();
  }
}

// Taken at import, before a test can replace it.
const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };

/** Waits until every promise has settled that can settle without time passing. Fake timers do not affect it. */
export function settle(): Promise<void> {
  // A macrotask runs only when the microtask queue is empty.
  return new Promise((resolve) => {
    if (setImmediate !== undefined) {
      setImmediate(resolve);
      return;
    }
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
