import type { DrainOptions } from '../call-context.ts';
import type { Clock, Timer } from '../clock.ts';
import { checkOptions, optionNames } from './check-options.ts';
import { checkDuration, checkSignal } from './validate.ts';

/** What a {@link Closing} must know about the primitive that it closes. */
export interface ClosingOptions {
  readonly clock: Clock;
  /** Returns whether no call waits or runs. */
  readonly isIdle: () => boolean;
  /** Rejects the calls that still wait; called once, when time is up. Running calls may go on. */
  readonly cancelRest: () => void;
}

const DRAIN_OPTIONS = /* @__PURE__ */ optionNames<DrainOptions>({ withinMs: true, signal: true });

/** Checks the options of `drain` and `close`. @throws TypeError or RangeError naming the option. */
export function checkDrainOptions(options: DrainOptions): {
  withinMs: number;
  signal: AbortSignal | undefined;
} {
  const { withinMs = Number.POSITIVE_INFINITY, signal } = checkOptions(options, DRAIN_OPTIONS);
  if (signal !== undefined) checkSignal('signal', signal);
  return { withinMs: checkDuration('withinMs', withinMs), signal };
}

/**
 * Closes a primitive: it stops admitting, drains within a bound, then cancels the waiting calls. The process stays alive
 * until the primitive is closed.
 */
export class Closing {
  readonly #options: ClosingOptions;
  #closed: Promise<void> | undefined;
  #resolve: () => void = () => {};
  #settled = false;
  #timeIsUp = false;
  #keepAlive: Timer | undefined;
  #bound: Timer | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  readonly #signals = new Set<AbortSignal>();

  constructor(options: ClosingOptions) {
    this.#options = options;
  }

  /** Whether closing has begun: the primitive admits nothing any more. */
  get started(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Begins to close. Resolves when the primitive is idle or the time is up. A later call waits for the same end and may only
   * bring it forward. Rejects with a TypeError or RangeError naming a wrong option, and then does not begin.
   */
  async close(options: DrainOptions = {}): Promise<void> {
    const { withinMs, signal } = checkDrainOptions(options);
    this.#closed ??= this.#begin();
    if (!this.#settled) this.#endWithin(withinMs, signal);
    return this.#closed;
  }

  /** Call it whenever the primitive may have become idle. */
  readonly settleIfIdle = (): void => {
    if (this.#closed !== undefined && this.#options.isIdle()) this.#settle();
  };

  #begin(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#resolve = resolve;
    });
    if (this.#options.isIdle()) this.#settle();
    // A pending promise alone does not keep a process alive.
    else this.#keepAlive = this.#options.clock.setTimer(() => {}, Number.POSITIVE_INFINITY);
    return closed;
  }

  #endWithin(withinMs: number, signal: AbortSignal | undefined): void {
    if (signal?.aborted || withinMs === 0) {
      this.#onTimeIsUp();
      return;
    }
    if (signal !== undefined) {
      this.#signals.add(signal);
      signal.addEventListener('abort', this.#onTimeIsUp, { once: true });
    }
    const dueAt = this.#options.clock.now() + withinMs;
    if (dueAt >= this.#dueAt) return;
    this.#dueAt = dueAt;
    this.#bound?.cancel();
    this.#bound = this.#options.clock.setTimer(this.#onTimeIsUp, withinMs);
  }

  readonly #onTimeIsUp = (): void => {
    if (this.#timeIsUp) return;
    this.#timeIsUp = true;
    try {
      this.#options.cancelRest();
    } finally {
      this.#settle();
    }
  };

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timeIsUp = true;
    this.#keepAlive?.cancel();
    this.#bound?.cancel();
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onTimeIsUp);
    this.#signals.clear();
    this.#resolve();
  }
}
