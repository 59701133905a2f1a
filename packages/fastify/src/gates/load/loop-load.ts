import type { Clock } from '@bp/core';
import type { ResolvedEventLoopOptions } from './event-loop-options.ts';
import { InFlightLimit } from './in-flight-limit.ts';
import { type LoopInterval, LoopMonitor } from './loop-monitor.ts';

/** How many requests are active, and how many have ended. */
export interface RequestCounts {
  readonly active: number;
  readonly completed: number;
}

/** The event loop as a source of load: its lag, and how many requests may be active while it is late. */
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
   * The load that a request read at `now` meets, as a share of what is allowed: from 1 on it is too much.
   * @param share - the share of the active requests that are not less important.
   */
  pressure(now: number, share = 1): number {
    const inFlight = this.#counts.active * share;
    return Math.max(this.#monitor.lagNow(now) / this.#maxLagMs, inFlight / this.#limit.limit);
  }

  /** Notes that a request was rejected for this pressure. Returns the milliseconds until it would be admitted, undefined if unknown. */
  reject(now: number): number | undefined {
    this.#rejected = true;
    const excessMs = this.#limit.excessMs(this.#counts.active);
    return excessMs === undefined ? undefined : Math.max(this.#monitor.lagNow(now), excessMs);
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
