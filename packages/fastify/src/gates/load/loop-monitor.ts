import type { Clock, Timer } from '@bp/core';

/** How long the event loop has been idle and active since it started, in milliseconds. */
export interface LoopTime {
  readonly idle: number;
  readonly active: number;
}

/** Options of {@link LoopMonitor}; the load options check them. */
export interface LoopMonitorOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly intervalMs: number;
  readonly targetLagMs: number;
  readonly minUtilization: number;
  readonly loopTime: () => LoopTime;
  /** Called at the end of every interval. */
  readonly onInterval: (interval: LoopInterval) => void;
}

/** What was measured in one interval. */
export interface LoopInterval {
  readonly now: number;
  /** Its length in milliseconds: more than `intervalMs` when the loop was blocked. */
  readonly elapsedMs: number;
  /** Whether the loop was late throughout and busy with its own work. */
  readonly late: boolean;
}

/**
 * Measures how late the event loop is. A timer ticks every `tickMs`; its lateness is the lag. The *least* lag of an interval
 * counts, as in CoDel: a burst raises the greatest lag, only a standing backlog raises the least.
 *
 * A blocked loop delays the timer itself, so {@link LoopMonitor.lagNow} computes the lag of the running turn from the overdue
 * tick. Lag while the loop was idle, as in a suspended process, does not count: utilisation is taken between two ticks.
 */
export class LoopMonitor {
  readonly #options: LoopMonitorOptions;
  #timer: Timer | undefined;
  #tickDue = Number.POSITIVE_INFINITY;
  #tickTime: LoopTime = { idle: 0, active: 0 };
  #intervalStart = 0;
  #intervalTime: LoopTime = { idle: 0, active: 0 };
  #leastLag = Number.POSITIVE_INFINITY;
  #lagMs = 0;
  #utilization = 0;

  constructor(options: LoopMonitorOptions) {
    this.#options = options;
  }

  /** The least lag of the last whole interval, in milliseconds. */
  get lagMs(): number {
    return this.#lagMs;
  }

  /** The share (0 to 1) of the last whole interval in which the loop was busy. */
  get utilization(): number {
    return this.#utilization;
  }

  start(): void {
    const now = this.#options.clock.now();
    const time = this.#options.loopTime();
    this.#intervalStart = now;
    this.#intervalTime = time;
    this.#setTick(now, time);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#tickDue = Number.POSITIVE_INFINITY;
  }

  /** Milliseconds by which the turn that runs at `now` is late, as far as the loop was active in it. */
  lagNow(now: number): number {
    const lag = now - this.#tickDue;
    if (!(lag > 0)) return 0;
    return Math.min(lag, this.#options.loopTime().active - this.#tickTime.active);
  }

  readonly #onTick = (): void => {
    const now = this.#options.clock.now();
    const time = this.#options.loopTime();
    this.#leastLag = Math.min(this.#leastLag, Math.max(0, now - this.#tickDue));
    if (now - this.#intervalStart >= this.#options.intervalMs) this.#endInterval(now, time);
    this.#setTick(now, time);
  };

  #setTick(now: number, time: LoopTime): void {
    const { clock, tickMs } = this.#options;
    this.#tickTime = time;
    this.#tickDue = now + tickMs;
    this.#timer = clock.setTimer(this.#onTick, tickMs, { keepAlive: false });
  }

  #endInterval(now: number, time: LoopTime): void {
    const { targetLagMs, minUtilization, onInterval } = this.#options;
    const elapsedMs = now - this.#intervalStart;
    this.#lagMs = this.#leastLag;
    this.#utilization = utilizationBetween(this.#intervalTime, time);
    this.#intervalStart = now;
    this.#intervalTime = time;
    this.#leastLag = Number.POSITIVE_INFINITY;
    const late = this.#lagMs > targetLagMs && this.#utilization >= minUtilization;
    onInterval({ now, elapsedMs, late });
  }
}

function utilizationBetween(from: LoopTime, to: LoopTime): number {
  const active = to.active - from.active;
  const total = active + to.idle - from.idle;
  return total > 0 ? active / total : 0;
}
