/** How much one interval moves what is measured: the last ten or so count. */
const WEIGHT = 0.1;
const THROUGHPUT_WEIGHT = 0.3;
const GROWTH = 1.1;

/** What happened in one interval. */
export interface InFlightInterval {
  readonly elapsedMs: number;
  /** Whether the event loop was late throughout. */
  readonly late: boolean;
  /** Requests admitted and not yet answered, at its end. */
  readonly active: number;
  /** Requests answered in it. */
  readonly completed: number;
  /** Whether the limit has refused anybody in it. */
  readonly refused: boolean;
}

/**
 * How many requests may be in flight while the event loop is late. There is no limit as long as it is not.
 *
 * Once the loop is late the limit is what Little's law says: the throughput times the latency requests had when the
 * loop was not late plus twice the target lag. A limit on what is in flight, unlike one on who may enter, admits one
 * for each that leaves, so it neither floods nor starves the server between two measurements. While the loop is in
 * time but the limit still refuses it grows; it is lifted when it has refused nobody for an interval.
 */
export class InFlightLimit {
  readonly #targetLagMs: number;
  #limit = Number.POSITIVE_INFINITY;
  #throughput = 0;
  #usualActive = 0;
  #usualThroughput = 0;

  constructor(targetLagMs: number) {
    this.#targetLagMs = targetLagMs;
  }

  /** Requests that may be in flight; `Infinity` while the loop is in time. */
  get limit(): number {
    return this.#limit;
  }

  /** Milliseconds until `active` requests are down to the limit, as fast as requests are answered now. */
  excessMs(active: number): number {
    const excess = active - this.#limit;
    return excess > 0 && this.#throughput > 0 ? excess / this.#throughput : 0;
  }

  onInterval({ elapsedMs, late, active, completed, refused }: InFlightInterval): void {
    const throughput = completed / elapsedMs;
    const weight = this.#throughput === 0 ? 1 : THROUGHPUT_WEIGHT;
    this.#throughput += (throughput - this.#throughput) * weight;
    if (late) {
      const latencyMs = this.#usualLatencyMs() + 2 * this.#targetLagMs;
      this.#limit = Math.max(1, this.#throughput * latencyMs);
      return;
    }
    this.#usualActive += (active - this.#usualActive) * WEIGHT;
    this.#usualThroughput += (throughput - this.#usualThroughput) * WEIGHT;
    this.#limit = refused ? this.#limit * GROWTH + 1 : Number.POSITIVE_INFINITY;
  }

  #usualLatencyMs(): number {
    return this.#usualThroughput === 0 ? 0 : this.#usualActive / this.#usualThroughput;
  }
}
