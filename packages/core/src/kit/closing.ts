import type { DrainOptions } from '../call-context.ts';
import type { Clock, Timer } from '../clock.ts';
import { checkNonNegativeOrInfinity, checkOptions } from './validate.ts';

/** What a {@link Closing} needs to know of the primitive that it ends. */
export interface ClosingOptions {
  readonly clock: Clock;
  /** Whether nothing waits and nothing runs. */
  readonly isIdle: () => boolean;
  /** Rejects what still waits; called once, when time is up. What runs may go on. */
  readonly cancelRest: () => void;
}

const DRAIN_OPTIONS = ['withinMs', 'signal'] as const satisfies readonly (keyof DrainOptions)[];

/** Checks the options of `drain` and `close`. @throws TypeError or RangeError naming the option. */
export function checkDrainOptions(options: DrainOptions): {
  withinMs: number;
  signal: AbortSignal | undefined;
} {
  const { withinMs = Number.POSITIVE_INFINITY, signal } = checkOptions(options, DRAIN_OPTIONS);
  return { withinMs: checkNonNegativeOrInfinity('withinMs', withinMs), signal };
}

/**
 * The end of a primitive: it stops admitting, drains within a bound, then cancels the rest. The process stays alive until
 * it has settled.
 */
export class Closing {
  readonly #options: ClosingOptions;
  #closed: Promise<void> | undefined;
  #resolve: () => void = () => {};
  #settled = false;
  #keepAlive: Timer | undefined;
  #bound: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  readonly #signals = new Set<AbortSignal>();

  constructor(options: ClosingOptions) {
    this.#options = options;
  }

  /** Whether it has begun: the primitive admits nothing any more. */
  get started(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Begins to close. Resolves when the primitive is idle or the time is up. Idempotent: a later call may only end it sooner.
   * Rejects with a TypeError or RangeError naming a wrong option.
   */
  async close(options: DrainOptions = {}): Promise<void> {
    const { withinMs, signal } = checkDrainOptions(options);
    this.#closed ??= this.#begin();
    if (!this.#settled) this.#endWithin(withinMs, signal);
    return this.#closed;
  }

  /** Call it whenever the primitive may have become idle. */
  readonly settleIfIdle = (): void => {
    if (this.#closed !== undefined && !this.#settled && this.#options.isIdle()) this.#settle();
  };

  #begin(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#resolve = resolve;
    });
    if (this.#options.isIdle()) this.#settle();
    else this.#keepAlive = this.#options.clock.setTimer(() => {}, Number.POSITIVE_INFINITY);
    return closed;
  }

  #endWithin(withinMs: number, signal: AbortSignal | undefined): void {
    if (signal?.aborted || withinMs === 0) {
      this.#timeIsUp();
      return;
    }
    if (signal !== undefined && !this.#signals.has(signal)) {
      this.#signals.add(signal);
      signal.addEventListener('abort', this.#timeIsUp, { once: true });
    }
    const dueAt = this.#options.clock.now() + withinMs;
    if (dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    this.#bound?.cancel();
    this.#bound = this.#options.clock.setTimer(this.#timeIsUp, withinMs);
  }

  readonly #timeIsUp = (): void => {
    if (this.#settled) return;
    try {
      this.#options.cancelRest();
    } finally {
      this.#settle();
    }
  };

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#keepAlive?.cancel();
    this.#bound?.cancel();
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#timeIsUp);
    this.#signals.clear();
    this.#resolve();
  }
}
