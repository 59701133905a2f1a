import { MAX_ESTIMATE_MS } from '@bp/core/kit';

/** The weight of one interval: the estimates follow about the last three. */
const WEIGHT = 0.3;
const GROWTH = 1.1;
/** The least latency is taken over this many to twice as many intervals in time. */
const REMEMBERED = 50;

/** What happened in one interval. */
export interface InFlightInterval {
  readonly elapsedMs: number;
  /** Whether the event loop was late throughout. */
  readonly late: boolean;
  /** Requests active at its end. */
  readonly active: number;
  /** Requests that ended in it. */
  readonly completed: number;
  /** Whether the limit has rejected a request in it. */
  readonly rejected: boolean;
}

/**
 * Limits how many requests may be active while the event loop is late. There is no limit while the loop is in time.
 *
 * The limit follows Little's law: the throughput times the sum of the least latency, measured while the loop was in time, and the
 * wait that a request may take. Unlike a limit on the rate of admission it admits one request for each that ends, so it
 * neither floods nor starves the server between two measurements. Lag that requests do not cause cannot starve them: while the
 * loop is in time and the limit still rejects, it grows, faster with every interval.
 */
export class InFlightLimit {
  readonly #maxWaitMs: number;
  #limit = Number.POSITIVE_INFINITY;
  #active = 0;
  /** Requests a millisecond; 0 if unknown. */
  #throughput = 0;
  /** Whether no request was active in the last interval. */
  #wasIdle = true;
  #least = Number.POSITIVE_INFINITY;
  #leastBefore = Number.POSITIVE_INFINITY;
  #inTime = 0;
  #growing = 0;

  constructor(maxWaitMs: number) {
    this.#maxWaitMs = maxWaitMs;
  }

  /** How many requests may be active; `Infinity` while the loop is in time. */
  get limit(): number {
    return this.#limit;
  }

  /** Milliseconds (at most `MAX_ESTIMATE_MS`) in which `active` requests fall below the limit; undefined if unknown. */
  excessMs(active: number): number | undefined {
    if (!(active >= this.#limit)) return 0;
    const excess = Math.floor(active - this.#limit) + 1;
    return this.#throughput > 0 ? Math.min(MAX_ESTIMATE_MS, excess / this.#throughput) : undefined;
  }

  onInterval(interval: InFlightInterval): void {
    this.#measure(interval);
    if (interval.late) {
      this.#growing = 0;
      this.#limit = Math.max(1, this.#throughput * (this.#usualLatencyMs() + this.#maxWaitMs));
      return;
    }
    if (interval.rejected) {
      this.#growing++;
      this.#limit = this.#limit * GROWTH ** this.#growing + 1;
    } else {
      this.#growing = 0;
      this.#limit = Number.POSITIVE_INFINITY;
    }
  }

  #measure({ elapsedMs, late, active, completed }: InFlightInterval): void {
    // An idle interval says nothing of how fast requests end; averaged in, it would make the throughput vanish.
    if (active === 0 && completed === 0) {
      this.#wasIdle = true;
      return;
    }
    const weight = this.#throughput === 0 || (this.#wasIdle && completed > 0) ? 1 : WEIGHT;
    if (completed > 0) this.#wasIdle = false;
    this.#active += (active - this.#active) * weight;
    this.#throughput += (completed / elapsedMs - this.#throughput) * weight;
    if (!late) this.#measureLatency();
  }

  #usualLatencyMs(): number {
    const least = Math.min(this.#least, this.#leastBefore);
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  }

  /** Takes the least latency, so that an interval in time which works off a backlog does not raise it. */
  #measureLatency(): void {
    if (this.#throughput === 0) return;
    this.#least = Math.min(this.#least, this.#active / this.#throughput);
    this.#inTime++;
    if (this.#inTime % REMEMBERED > 0) return;
    this.#leastBefore = this.#least;
    this.#least = Number.POSITIVE_INFINITY;
  }
}
