import { CircuitBreaker } from '@bp/circuit-breaker';
import type { Clock, Unsubscribe } from '@bp/core';
import { Listeners } from '@bp/core/kit';
import { type Debit, type DebitLimit, type DebitRequest, DebitScript } from './debit-script.ts';
import type { RedisClient } from './redis-client.ts';

/** Whether the store decides, or each instance for itself. */
export type StoreState = 'available' | 'unavailable';

/** A change of the store's state. */
export interface StoreChange {
  readonly from: StoreState;
  readonly to: StoreState;
  /** The error after which the store counts as unavailable; undefined when it is available again. */
  readonly error: unknown;
}

/** The options of the limiter that concern its store. */
export interface SharedBucketOptions {
  readonly client: RedisClient;
  readonly limit: DebitLimit;
  readonly storeTimeoutMs: number;
  readonly consecutiveFailures: number;
  readonly probeIntervalMs: number;
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/** How much the latest round trip counts against the ones before. */
const SMOOTHING = 0.25;

/**
 * The bucket in the store, behind a circuit breaker. While the store is unavailable no call waits for it; one probe at a time
 * finds out whether it is back.
 */
export class SharedBucket {
  readonly #script: DebitScript;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #timeoutMs: number;
  readonly #breaker: CircuitBreaker;
  readonly #changes = new Listeners<StoreChange>();
  #state: StoreState = 'available';
  #failing = false;
  #outageAt = Number.NEGATIVE_INFINITY;
  #roundTripMs = 0;
  #roundTrips = 0;
  #failures = 0;

  constructor(options: SharedBucketOptions) {
    this.#script = new DebitScript(options.client, options.limit);
    this.#clock = options.clock;
    this.#name = options.name;
    this.#timeoutMs = options.storeTimeoutMs;
    this.#breaker = new CircuitBreaker({
      name: 'store',
      consecutiveFailures: options.consecutiveFailures,
      openMs: options.probeIntervalMs,
      jitter: 0.2,
      halfOpenProbes: 1,
      clock: options.clock,
      random: options.random,
    });
    this.#breaker.onTransition(({ to, error }) => {
      if (to === 'OPEN') this.#become('unavailable', error);
      if (to === 'CLOSED') this.#become('available', undefined);
    });
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Whether a request would be the probe that finds out whether the store is back. */
  get isProbeDue(): boolean {
    return this.#state === 'unavailable' && this.#breaker.state === 'HALF_OPEN';
  }

  /** When the latest outage began: the first failure after the last success. */
  get outageAt(): number {
    return this.#outageAt;
  }

  /** The smoothed time from a request to its reply; 0 before the first. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** Requests sent, and how many of them failed. */
  get roundTrips(): number {
    return this.#roundTrips;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds until the next probe is due; undefined if one is due or under way. */
  probeInMs(): number | undefined {
    return this.#breaker.state === 'OPEN' ? this.#breaker.retryAfterMs() : undefined;
  }

  onChange(listener: (change: StoreChange) => void): Unsubscribe {
    return this.#changes.add(listener);
  }

  /**
   * Takes what the request asks for, as far as it is there. Resolves to undefined if the store cannot decide: it is unavailable, does not
   * answer in time, or has the value of another program under the key. The last says nothing about other keys.
   * @param onLate - called with a reply that comes after its time: the store has charged a call that was decided without it.
   */
  async debit(request: DebitRequest, onLate: (debit: Debit) => void): Promise<Debit | undefined> {
    try {
      return await this.#breaker.execute(() => this.#send(request, onLate));
    } catch {
      // The breaker has counted the failure, and its error is in the change of state. `whenUnavailable` says what happens.
      return undefined;
    }
  }

  async #send(request: DebitRequest, onLate: (debit: Debit) => void): Promise<Debit | undefined> {
    this.#roundTrips++;
    const sentAt = this.#clock.now();
    try {
      const debit = await this.#inTime(this.#script.run(request), onLate);
      const elapsedMs = this.#clock.now() - sentAt;
      this.#roundTripMs += (this.#roundTripMs === 0 ? 1 : SMOOTHING) * (elapsedMs - this.#roundTripMs);
      this.#failing = false;
      if (debit === undefined) this.#failures++;
      return debit;
    } catch (error) {
      this.#failures++;
      if (!this.#failing) this.#outageAt = this.#clock.now();
      this.#failing = true;
      throw error;
    }
  }

  #inTime(reply: Promise<Debit | undefined>, onLate: (debit: Debit) => void): Promise<Debit | undefined> {
    return new Promise((resolve, reject) => {
      let late = false;
      const timer = this.#clock.setTimer(() => {
        late = true;
        reject(new Error(`${this.#name}: the store did not answer within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      reply.then(
        (debit) => {
          timer.cancel();
          if (late && debit !== undefined) onLate(debit);
          else resolve(debit);
        },
        (error: unknown) => {
          timer.cancel();
          reject(error);
        },
      );
    });
  }

  #become(to: StoreState, error: unknown): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#changes.emit({ from, to, error });
  }
}
