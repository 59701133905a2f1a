import { type Clock, type DrainOptions, RejectedError } from '@bp/core';
import { checkDuration, checkOptions, optionNames } from '@bp/core/kit';

/** Options of `shutDown`. */
export type ShutdownOptions = Pick<DrainOptions, 'withinMs'>;

const OPTIONS = optionNames<ShutdownOptions>({ withinMs: true });

/** Rejects every request once the server shuts down. */
export class ShutdownGate {
  readonly #clock: Clock;
  #started = false;
  #endsAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get started(): boolean {
    return this.#started;
  }

  /**
   * Starts to reject. The first `withinMs` that is given stays.
   * @throws TypeError or RangeError naming a wrong option.
   */
  start(options: ShutdownOptions = {}): void {
    const { withinMs = Number.POSITIVE_INFINITY } = checkOptions(options, OPTIONS);
    checkDuration('withinMs', withinMs);
    this.#started = true;
    if (this.#endsAt === Number.POSITIVE_INFINITY) this.#endsAt = this.#clock.now() + withinMs;
  }

  check(): RejectedError | undefined {
    if (!this.#started) return undefined;
    return new RejectedError('SHUTTING_DOWN', 'shutdown', { retryAfterMs: this.retryAfterMs() });
  }

  /** Milliseconds to send if `rejection` knows none: of a primitive that closes, those until the server has ended. */
  unknownMs({ code }: RejectedError): number | undefined {
    return code === 'SHUTTING_DOWN' ? this.retryAfterMs() : undefined;
  }

  /** Milliseconds until the server has ended and its successor answers; undefined if unknown. */
  retryAfterMs(): number | undefined {
    if (this.#endsAt === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(0, this.#endsAt - this.#clock.now());
  }
}
