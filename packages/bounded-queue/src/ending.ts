import type { Clock, DrainOptions } from '@bp/core';
import { Closing, checkDrainOptions, rejectionIfOver, WaitQueue } from '@bp/core/kit';

/** The timer of a wait queue keeps the process alive; `drain` needs no other. */
const DAY_MS = 24 * 3600 * 1000;

/** What {@link Ending} needs of a queue. */
export interface EndingOptions {
  readonly clock: Clock;
  readonly name: string;
  readonly isEmpty: () => boolean;
  /** Drops the remaining items when time is up. */
  readonly cancelRest: () => void;
  /** Completes an operation: serves waiters and notifies. */
  readonly settle: () => void;
}

/** Waits until a queue is empty, for `drain` and `close`. */
export class Ending {
  readonly #options: EndingOptions;
  readonly #drains: WaitQueue;
  readonly #closing: Closing;

  constructor(options: EndingOptions) {
    const { clock, name, isEmpty, cancelRest, settle } = options;
    this.#options = options;
    this.#closing = new Closing({ clock, isIdle: isEmpty, cancelRest });
    this.#drains = new WaitQueue({
      clock,
      name,
      serve: (drain) => {
        if (!isEmpty()) return false;
        drain.resolve();
        return true;
      },
      waitMs: () => DAY_MS,
      onLeft: settle,
    });
  }

  /** Whether the queue is closing or closed. */
  get isClosing(): boolean {
    return this.#closing.started;
  }

  /** Whether a `drain` or `close` waits, or the queue is closed. */
  get isAwaited(): boolean {
    return this.#closing.started || this.#drains.size > 0;
  }

  async drain(options: DrainOptions): Promise<void> {
    const { withinMs, signal } = checkDrainOptions(options);
    const { clock, name, isEmpty } = this.#options;
    if (isEmpty()) return;
    const ctx = { deadline: clock.now() + withinMs, signal };
    const over = rejectionIfOver(ctx, clock, name);
    if (over !== undefined) throw over;
    return this.#drains.wait(undefined, ctx);
  }

  close(options: DrainOptions | undefined): Promise<void> {
    return this.#closing.close(options);
  }

  /** Call it whenever the queue may have become empty. */
  settleIfEmpty(): void {
    if (!this.isAwaited || !this.#options.isEmpty()) return;
    this.#drains.serve();
    this.#closing.settleIfIdle();
  }
}
