import type { Clock, DrainOptions } from '@bp/core';
import { checkDrainOptions, rejectionAtEntry, WaitQueue } from '@bp/core/kit';

/** Callers of `drain()`, which wait until nothing runs and nothing waits. */
export class IdleWaiters {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #isIdle: () => boolean;
  readonly #queue: WaitQueue;

  constructor(clock: Clock, name: string, isIdle: () => boolean) {
    this.#clock = clock;
    this.#name = name;
    this.#isIdle = isIdle;
    this.#queue = new WaitQueue({
      clock,
      name,
      serve: (waiter) => {
        if (!isIdle()) return false;
        waiter.resolve();
        return true;
      },
    });
  }

  /**
   * Resolves when the limiter is idle; keeps the process alive until then. Rejects with `DEADLINE_EXCEEDED` when `withinMs`
   * have passed, with `CANCELLED` when `signal` is aborted, or with a TypeError or RangeError naming a wrong option.
   */
  async drain(options: DrainOptions = {}): Promise<void> {
    const { withinMs, signal } = checkDrainOptions(options);
    if (this.#isIdle()) return;
    const ctx = { deadline: this.#clock.now() + withinMs, signal };
    const over = rejectionAtEntry(ctx, this.#clock, this.#name);
    if (over !== undefined) throw over;
    // A deadline alone does not keep the process alive.
    const keepAlive = this.#clock.setTimer(() => {}, Number.POSITIVE_INFINITY);
    try {
      await this.#queue.wait(undefined, ctx);
    } finally {
      keepAlive.cancel();
    }
  }

  /** Whether a caller waits. */
  get any(): boolean {
    return this.#queue.size > 0;
  }

  /** Call it when the limiter may have become idle. */
  serve(): void {
    if (this.#queue.size > 0) this.#queue.serve();
  }
}
