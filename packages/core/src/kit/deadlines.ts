import type { Clock, Timer } from '../clock.ts';
import { Heap, HeapNode } from './heap.ts';

class Entry extends HeapNode implements Timer {
  readonly #deadlines: Deadlines;
  callback: (() => void) | undefined;

  constructor(deadline: number, deadlines: Deadlines, callback: () => void) {
    super(deadline);
    this.#deadlines = deadlines;
    this.callback = callback;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.#deadlines.onCancelled(this);
  }
}

/** All deadlines of one clock, behind one timer. */
class Deadlines {
  readonly #clock: Clock;
  readonly #heap = new Heap<Entry>();
  #timer: Timer | undefined;
  #timerDue = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(deadline: number, callback: () => void): Timer {
    const entry = new Entry(deadline, this, callback);
    this.#heap.add(entry);
    if (deadline < this.#timerDue) this.#arm(deadline);
    return entry;
  }

  onCancelled(entry: Entry): void {
    this.#heap.discard(entry);
    if (this.#heap.size === 0) this.#disarm();
  }

  // It does not keep the process alive: a deadline bounds other work and is no work itself.
  #arm(due: number): void {
    this.#timer?.cancel();
    this.#timerDue = due;
    this.#timer = this.#clock.setTimer(this.#onTimer, due - this.#clock.now(), { keepAlive: false });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerDue = Number.POSITIVE_INFINITY;
  }

  readonly #onTimer = (): void => {
    this.#disarm();
    const now = this.#clock.now();
    try {
      for (let first = this.#heap.first; first !== undefined; first = this.#heap.first) {
        if (first.rank > now) break;
        this.#heap.remove(first);
        const { callback } = first;
        first.callback = undefined;
        callback?.();
      }
    } finally {
      // The remaining deadlines must fire, even if a callback threw or set an earlier deadline.
      const first = this.#heap.first;
      if (first !== undefined && first.rank < this.#timerDue) this.#arm(first.rank);
    }
  };
}

const deadlinesOf = /* @__PURE__ */ new WeakMap<Clock, Deadlines>();

/**
 * Calls `callback` once when `clock` reaches `deadline` (absolute milliseconds on that clock; a time in the past or `NaN` fires
 * as soon as possible, `Infinity` never). All deadlines of a clock share one timer, which does not keep the process alive.
 * Setting a deadline costs O(log n), cancelling it O(1) amortised.
 */
export function atDeadline(clock: Clock, deadline: number, callback: () => void): Timer {
  let deadlines = deadlinesOf.get(clock);
  if (deadlines === undefined) {
    deadlines = new Deadlines(clock);
    deadlinesOf.set(clock, deadlines);
  }
  return deadlines.add(Number.isNaN(deadline) ? Number.NEGATIVE_INFINITY : deadline, callback);
}
