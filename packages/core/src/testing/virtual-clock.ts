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

/**
 * A clock that stands still until it is told to move, for tests and simulations. Timers run in the order they are
 * due, those due at the same time in the order they were set.
 */
export class VirtualClock implements Clock {
  #now: number;
  readonly #pending = new Heap<Pending>();
  #turns: (() => void)[] = [];

  /** @param startMs - what `now()` says first. Default: 0. */
  constructor(startMs = 0) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = new Pending(this.#now + Math.max(0, delayMs), callback);
    this.#pending.add(timer);
    return {
      cancel: () => {
        if (timer.index !== -1) this.#pending.remove(timer);
      },
    };
  }

  /** A turn of the loop passes whenever time is advanced, by 0 ms too, and after each timer. */
  nextTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** How many timers are set and have not fired: 0 when nothing was left behind. */
  get pendingTimers(): number {
    return this.#pending.size;
  }

  /**
   * Moves time forward by `ms` (>= 0), running each timer at its own time and letting promises settle before,
   * between and after. @throws RangeError if `ms` is negative or not finite.
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

  /** The same without letting promises settle: for code that has none, and for long property tests. */
  advanceSync(ms: number): void {
    const end = this.#endAfter(ms);
    this.#runTurns();
    for (let timer = this.#nextUntil(end); timer !== undefined; timer = this.#nextUntil(end)) {
      this.#run(timer);
      this.#runTurns();
    }
    this.#now = Math.max(this.#now, end);
  }

  /** Sets the time without running anything, backwards too: what a broken clock would do. */
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

  /** Promises settle and turns pass until neither leads to the other any more. */
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

const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };

/** Lets every promise that can settle without time passing do so. */
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
