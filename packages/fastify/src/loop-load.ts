import type { Clock } from '@bp/core';
import type { ResolvedEventLoopOptions } from './gates/load-options.ts';
import { InFlightLimit } from './in-flight-limit.ts';
import { type LoopInterval, LoopMonitor } from './loop-monitor.ts';

/** How many requests are under way, and how many have been answered. */
export interface RequestCounts {
  readonly active: number;
  readonly completed: number;
}

/** The event loop as a source of load: how late it is, and how many requests it may have in flight while it is. */
export class LoopLoad {
  readonly #monitor: LoopMonitor;
  readonly #limit: InFlightLimit;
  readonly #maxLagMs: number;
  readonly #counts: RequestCounts;
  #completedBefore = 0;
  #rejected = false;

  constructor(clock: Clock, options: ResolvedEventLoopOptions, maxWaitMs: number, counts: RequestCounts) {
    this.#monitor = new LoopMonitor({ ...options, clock, onInterval: this.#onInterval });
    this.#limit = new InFlightLimit(maxWaitMs);
    this.#maxLagMs = options.maxLagMs;
    this.#counts = counts;
  }

  /** The least lag of the last whole interval, in milliseconds. */
  get lagMs(): number {
    return this.#monitor.lagMs;
  }

  /** The share (0 to 1) of the last whole interval in which the loop was busy. */
  get utilization(): number {
    return this.#monitor.utilization;
  }

  start(): void {
    this.#monitor.start();
  }

  stop(): void {
    this.#monitor.stop();
  }

  /**
   * What a request that is read at `now` meets, as a share of what is allowed: 1 is too much.
   * @param share - of those in flight, as many as are not less important.
   */
  pressure(now: number, share = 1): number {
    const inFlight = this.#counts.active * share;
    return Math.max(this.#monitor.lagNow(now) / this.#maxLagMs, inFlight / this.#limit.limit);
  }

  /** A request was rejected for this pressure; milliseconds after which it would not be. */
  reject(now: number): number {
    this.#rejected = true;
    return Math.max(this.#monitor.lagNow(now), this.#limit.excessMs(this.#counts.active));
  }

  readonly #onInterval = ({ elapsedMs, late }: LoopInterval): void => {
    const { active, completed } = this.#counts;
    this.#limit.onInterval({
      elapsedMs,
      late,
      active,
      completed: completed - this.#completedBefore,
      rejected: this.#rejected,
    });
    this.#completedBefore = completed;
    this.#rejected = false;
  };
}
