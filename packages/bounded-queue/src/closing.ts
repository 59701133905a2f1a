import type { Clock, DrainOptions } from '@bp/core';
import { Closing, Draining } from '@bp/core/kit';

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
  readonly #draining: Draining;
  readonly #closing: Closing;

  constructor({ clock, name, isEmpty, cancelRest, settle }: EndingOptions) {
    this.#draining = new Draining({ clock, name, isIdle: isEmpty, onLeft: settle });
    this.#closing = new Closing({ clock, isIdle: isEmpty, cancelRest });
  }

  /** Whether the queue is closing or closed. */
  get isClosing(): boolean {
    return this.#closing.started;
  }

  /** Whether a `drain` or `close` waits, or the queue is closed. */
  get isAwaited(): boolean {
    return this.#closing.started || this.#draining.size > 0;
  }

  drain(options: DrainOptions | undefined): Promise<void> {
    return this.#draining.drain(options);
  }

  close(options: DrainOptions | undefined): Promise<void> {
    return this.#closing.close(options);
  }

  /** Call it whenever the queue may have become empty. */
  settleIfEmpty(): void {
    this.#draining.settleIfIdle();
    this.#closing.settleIfIdle();
  }
}
