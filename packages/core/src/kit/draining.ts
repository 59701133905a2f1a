import type { DrainOptions } from '../call-context.ts';
import type { Clock } from '../clock.ts';
import { rejectionIfOver } from './call-end.ts';
import { checkDrainOptions } from './closing.ts';
import { WaitQueue } from './wait-queue.ts';

/** What a {@link Draining} must know about the primitive that it belongs to. */
export interface DrainingOptions {
  readonly clock: Clock;
  /** The name of the primitive, for `rejectedBy`. */
  readonly name: string;
  /** Returns whether no call waits or runs. */
  readonly isIdle: () => boolean;
  /** Called after a caller of `drain` has been rejected. */
  readonly onLeft?: (() => void) | undefined;
}

/** A timer that keeps the process alive and has no other effect. */
const KEEP_ALIVE_MS = 2 ** 31 - 1;

/** The callers of `drain`, which wait until a primitive is idle. It keeps the process alive while there are any. */
export class Draining {
  readonly #options: DrainingOptions;
  readonly #callers: WaitQueue;

  constructor(options: DrainingOptions) {
    const { clock, name, isIdle, onLeft } = options;
    this.#options = options;
    this.#callers = new WaitQueue({
      clock,
      name,
      serve: (caller) => {
        if (!isIdle()) return false;
        caller.resolve();
        return true;
      },
      waitMs: () => KEEP_ALIVE_MS,
      onLeft,
    });
  }

  /** How many callers wait. */
  get size(): number {
    return this.#callers.size;
  }

  /**
   * Resolves when the primitive is idle, at once if it is. Rejects with `DEADLINE_EXCEEDED` after `withinMs`, with `CANCELLED`
   * when `signal` is aborted, and with a TypeError or RangeError naming a wrong option.
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    const { withinMs, signal } = checkDrainOptions(options);
    const { clock, name, isIdle } = this.#options;
    if (isIdle()) return;
    const ctx = { deadline: clock.now() + withinMs, signal };
    const rejection = rejectionIfOver(ctx, clock, name);
    if (rejection !== undefined) throw rejection;
    return this.#callers.wait(undefined, ctx);
  }

  /** Call it whenever the primitive may have become idle. */
  readonly settleIfIdle = (): void => {
    if (this.#callers.size > 0 && this.#options.isIdle()) this.#callers.serve();
  };
}
