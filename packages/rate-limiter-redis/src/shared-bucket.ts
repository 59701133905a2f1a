import { CircuitBreaker } from '@bp/circuit-breaker';
import type { Clock, Unsubscribe } from '@bp/core';
import { Listeners } from '@bp/core/kit';
import { type Debit, type DebitLimit, DebitScript } from './debit-script.ts';
import type { ResolvedRedisRateLimiterOptions } from './options.ts';

/** Whether decisions are the store's or this instance's own. */
export type StoreState = 'shared' | 'away';

/**
 * The bucket in the store, behind a breaker: while the store is away a call costs microseconds instead of a timeout,
 * and one probe at a time looks whether it is back.
 */
export class SharedBucket {
  readonly #script: DebitScript;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #timeoutMs: number;
  readonly #breaker: CircuitBreaker;
  readonly #changes = new Listeners<{ from: StoreState; to: StoreState }>();
  #state: StoreState = 'shared';
  #roundTrips = 0;

  constructor(options: ResolvedRedisRateLimiterOptions) {
    this.#script = new DebitScript(options.client);
    this.#clock = options.clock;
    this.#name = options.name;
    this.#timeoutMs = options.storeTimeoutMs;
    this.#breaker = new CircuitBreaker({
      name: `${options.name} store`,
      consecutiveFailures: options.failuresUntilAway,
      openMs: options.probeEveryMs,
      jitter: 0.2,
      halfOpenProbes: 1,
      clock: options.clock,
      random: options.random,
    });
    this.#breaker.onTransition(({ to }) => {
      if (to === 'OPEN') this.#become('away');
      if (to === 'CLOSED') this.#become('shared');
    });
  }

  get state(): StoreState {
    return this.#state;
  }

  get roundTrips(): number {
    return this.#roundTrips;
  }

  /** Milliseconds until the store is looked for again; 0 if it is not known to be away. */
  retryAfterMs(): number | undefined {
    return this.#breaker.retryAfterMs();
  }

  onChange(listener: (change: { from: StoreState; to: StoreState }) => void): Unsubscribe {
    return this.#changes.add(listener);
  }

  /** Takes `least` to `most` permits, or none; undefined if the store is away or does not answer in time. */
  async debit(key: string, limit: DebitLimit, least: number, most: number): Promise<Debit | undefined> {
    try {
      return await this.#breaker.execute(() => {
        this.#roundTrips++;
        return this.#inTime(this.#script.debit(key, limit, least, most));
      });
    } catch {
      // Whatever went wrong, the breaker has counted it and the documented choice for an absent store applies.
      return undefined;
    }
  }

  /** A reply that comes later is dropped: what it granted was debited and is never spent. */
  #inTime(reply: Promise<Debit>): Promise<Debit> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(
        () => reject(new Error(`${this.#name}: the store did not answer within ${this.#timeoutMs} ms`)),
        this.#timeoutMs,
      );
      reply.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  #become(to: StoreState): void {
    const from = this.#state;
    if (from === to) return;
    this.#state = to;
    this.#changes.emit({ from, to });
  }
}
