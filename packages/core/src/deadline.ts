import type { Clock, Timer } from './clock.ts';

class Entry implements Timer {
  readonly deadline: number;
  readonly heap: DeadlineHeap;
  callback: (() => void) | undefined;

  constructor(deadline: number, heap: DeadlineHeap, callback: () => void) {
    this.deadline = deadline;
    this.heap = heap;
    this.callback = callback;
  }

  cancel(): void {
    if (this.callback === undefined) return;
    this.callback = undefined;
    this.heap.onCancelled();
  }
}

/**
 * All deadlines of one clock behind one timer: a binary heap by deadline. Cancelling only marks the entry; the
 * heap is rebuilt when more than half of it is marked, which keeps cancelling O(1) amortised and memory within
 * twice what is live.
 */
class DeadlineHeap {
  readonly #clock: Clock;
  #entries: Entry[] = [];
  #live = 0;
  #timer: Timer | undefined;
  #timerDue = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(deadline: number, callback: () => void): Timer {
    const entry = new Entry(deadline, this, callback);
    this.#live++;
    this.#entries.push(entry);
    this.#siftUp(this.#entries.length - 1);
    if (deadline < this.#timerDue) this.#arm(deadline);
    return entry;
  }

  onCancelled(): void {
    this.#live--;
    if (this.#live === 0) {
      this.#entries = [];
      this.#disarm();
    } else if (this.#entries.length > 64 && this.#live * 2 < this.#entries.length) {
      this.#entries = this.#entries.filter((entry) => entry.callback !== undefined);
      for (let i = (this.#entries.length >> 1) - 1; i >= 0; i--) this.#siftDown(i);
    }
  }

  // Not kept alive: a deadline is a bound on other work, never work of its own.
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
      for (let first = this.#entries[0]; first !== undefined; first = this.#entries[0]) {
        const { callback } = first;
        if (callback !== undefined && first.deadline > now) break;
        this.#removeFirst();
        if (callback === undefined) continue;
        this.#live--;
        first.callback = undefined;
        callback();
      }
    } finally {
      // A callback may have set an earlier one already, or thrown: the rest must still be told.
      const first = this.#entries[0];
      if (first !== undefined && first.deadline < this.#timerDue) this.#arm(first.deadline);
    }
  };

  #removeFirst(): void {
    const last = this.#entries.pop();
    if (last === undefined || this.#entries.length === 0) return;
    this.#entries[0] = last;
    this.#siftDown(0);
  }

  // Indices below stay within the array by construction of the heap.
  #siftUp(from: number): void {
    const entries = this.#entries;
    const entry = entries[from] as Entry;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = entries[parent] as Entry;
      if (above.deadline <= entry.deadline) break;
      entries[i] = above;
      i = parent;
    }
    entries[i] = entry;
  }

  #siftDown(from: number): void {
    const entries = this.#entries;
    const entry = entries[from] as Entry;
    let i = from;
    for (let child = 2 * i + 1; child < entries.length; child = 2 * i + 1) {
      const right = child + 1;
      if (right < entries.length && (entries[right] as Entry).deadline < (entries[child] as Entry).deadline) {
        child = right;
      }
      const below = entries[child] as Entry;
      if (below.deadline >= entry.deadline) break;
      entries[i] = below;
      i = child;
    }
    entries[i] = entry;
  }
}

const heaps = /* @__PURE__ */ new WeakMap<Clock, DeadlineHeap>();

/**
 * Calls `callback` once when `clock` reaches `deadline` (absolute milliseconds on that clock; one that has passed
 * fires as soon as possible, `Infinity` never). All deadlines of a clock share one timer, which does not keep
 * the process alive. Setting costs O(log n), cancelling O(1).
 */
export function atDeadline(clock: Clock, deadline: number, callback: () => void): Timer {
  let heap = heaps.get(clock);
  if (heap === undefined) {
    heap = new DeadlineHeap(clock);
    heaps.set(clock, heap);
  }
  return heap.add(deadline, callback);
}
