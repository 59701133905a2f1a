/** How much one interval moves what is measured: the last three or so count. */
const WEIGHT = 0.3;
const GROWTH = 1.1;
/** Intervals in time over which the least latency is taken. */
const REMEMBERED = 50;

/** What happened in one interval. */
export interface InFlightInterval {
  readonly elapsedMs: number;
  /** Whether the event loop was late throughout. */
  readonly late: boolean;
  /** Requests admitted and not yet answered, at its end. */
  readonly active: number;
  /** Requests answered in it. */
  readonly completed: number;
  /** Whether the limit has rejected anybody in it. */
  readonly rejected: boolean;
}

/**
 * How many requests may be in flight while the event loop is late. There is no limit as long as it is not.
 *
 * Once the loop is late the limit is what Little's law says: the throughput times the least latency requests had when
 * the loop was in time plus the wait they may be asked to bear. As long as the loop makes them wait for less, the limit grows;
 * so lag that is not theirs, of rejections or of other processes, cannot starve them. A limit on what is in flight, unlike
 * one on who may enter, admits one for each that leaves, and neither floods nor starves the server between two
 * measurements. While the loop is in time but the limit still rejects it grows; it is lifted when it has rejected nobody
 * for an interval.
 */
export class InFlightLimit {
  readonly #maxWaitMs: number;
  #limit = Number.POSITIVE_INFINITY;
  #active = 0;
  #throughput = 0;
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = Number.POSITIVE_INFINITY;
  #inTime = 0;

  constructor(maxWaitMs: number) {
    this.#maxWaitMs = maxWaitMs;
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

  onInterval({ elapsedMs, late, active, completed, rejected }: InFlightInterval): void {
    const weight = this.#throughput === 0 ? 1 : WEIGHT;
    this.#active += (active - this.#active) * weight;
    this.#throughput += (completed / elapsedMs - this.#throughput) * weight;
    if (late) {
      this.#limit = Math.max(1, this.#throughput * (this.#usualLatencyMs() + this.#maxWaitMs));
      return;
    }
    this.#learn();
    this.#limit = rejected ? this.#limit * GROWTH + 1 : Number.POSITIVE_INFINITY;
  }

  /** The least, so that a backlog which one interval in time has left over does not pass for usual. */
  #usualLatencyMs(): number {
    const least = Math.min(this.#least, this.#leastBefore);
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  }

  #learn(): void {
    if (this.#throughput === 0) return;
    this.#least = Math.min(this.#least, this.#active / this.#throughput);
    this.#inTime++;
    if (this.#inTime % REMEMBERED > 0) return;
    this.#leastBefore = this.#least;
    this.#least = Number.POSITIVE_INFINITY;
  }
}
