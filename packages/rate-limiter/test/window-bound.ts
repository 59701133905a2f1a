/**
 * Measures admissions: after every call `worst` is the highest `admitted in a window - rate * its length` over all windows
 * that end now or earlier. The promise is that it never exceeds the burst.
 */
export class WindowBound {
  worst = 0;
  readonly #perMs: number;
  #sum = 0;
  #lowest = Number.POSITIVE_INFINITY;

  constructor(perMs: number) {
    this.#perMs = perMs;
  }

  admitted(cost: number, now: number): void {
    this.#lowest = Math.min(this.#lowest, this.#sum - this.#perMs * now);
    this.#sum += cost;
    this.worst = Math.max(this.worst, this.#sum - this.#perMs * now - this.#lowest);
  }
}
