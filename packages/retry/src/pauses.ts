import { type CallContext, type Clock, RejectedError, type Unsubscribe } from '@bp/core';
import { watchContext } from '@bp/core/kit';

/** The pauses of calls between two attempts. A pause that has ended leaves no timer and no listener behind. */
export class Pauses {
  readonly #clock: Clock;
  readonly #name: string;
  readonly #ends = new Set<(rejection: RejectedError) => void>();
  #closed = false;

  constructor(clock: Clock, name: string) {
    this.#clock = clock;
    this.#name = name;
  }

  /** How many calls pause now. */
  get size(): number {
    return this.#ends.size;
  }

  /**
   * Resolves after `pauseMs`; at once and with a rejection if `ctx` ends or {@link Pauses.close} is called first, or was.
   * Keeps the process alive.
   */
  pause(pauseMs: number, ctx: CallContext): Promise<RejectedError | undefined> {
    if (this.#closed) return Promise.resolve(this.#shuttingDown());
    return new Promise((resolve) => {
      let unwatch: Unsubscribe | undefined;
      const end = (rejection: RejectedError | undefined): void => {
        timer.cancel();
        unwatch?.();
        this.#ends.delete(end);
        resolve(rejection);
      };
      const timer = this.#clock.setTimer(() => end(undefined), pauseMs);
      this.#ends.add(end);
      unwatch = watchContext(ctx, this.#clock, this.#name, end);
      // A context that was over has called back before `unwatch` existed.
      if (!this.#ends.has(end)) unwatch?.();
    });
  }

  /** Ends every pause, and all later ones, with `SHUTTING_DOWN`. */
  close(): void {
    this.#closed = true;
    for (const end of this.#ends) end(this.#shuttingDown());
  }

  #shuttingDown(): RejectedError {
    return new RejectedError('SHUTTING_DOWN', this.#name);
  }
}
