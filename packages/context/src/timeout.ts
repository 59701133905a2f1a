import { type CallContext, type Clock, type Policy, systemClock } from '@bp/core';
import {
  checkClock,
  checkName,
  checkOptions,
  checkPositive,
  deriveContext,
  EMPTY_CONTEXT,
  optionNames,
  raceContext,
  rejectionAtEntry,
} from '@bp/core/kit';
import { checkTimeout } from './options.ts';

/** Options of `timeout`. */
export interface TimeoutOptions {
  /** Milliseconds that a call may take (> 0, at most ten years). An earlier deadline of the call counts. */
  readonly timeoutMs: number;
  /** The `rejectedBy` of its rejections (1 to 100 characters). Default: `timeout`. */
  readonly name?: string | undefined;
  /** The only source of time. Default: the platform's monotonic clock. */
  readonly clock?: Clock | undefined;
}

const TIMEOUT_OPTIONS = /* @__PURE__ */ optionNames<TimeoutOptions>({
  timeoutMs: true,
  name: true,
  clock: true,
});

class Timeout implements Policy {
  readonly #timeoutMs: number;
  readonly #name: string;
  readonly #clock: Clock;

  constructor(options: TimeoutOptions) {
    const { timeoutMs, name = 'timeout', clock = systemClock } = checkOptions(options, TIMEOUT_OPTIONS);
    this.#timeoutMs = checkTimeout('timeoutMs', checkPositive('timeoutMs', timeoutMs));
    this.#name = checkName('name', name);
    this.#clock = checkClock('clock', clock);
  }

  async execute<T>(
    fn: (ctx: CallContext) => T | PromiseLike<T>,
    ctx: CallContext = EMPTY_CONTEXT,
  ): Promise<T> {
    const rejection = rejectionAtEntry(ctx, this.#clock, this.#name);
    if (rejection !== undefined) throw rejection;
    const options = { timeoutMs: this.#timeoutMs, clock: this.#clock, name: this.#name };
    const inner = deriveContext(ctx, options);
    try {
      return await raceContext(inner, options, () => fn(inner));
    } finally {
      inner.end();
    }
  }
}

/**
 * Makes a policy that gives each call at most `timeoutMs`. The function receives a context with that deadline, derived from
 * that of the call. At the deadline the call rejects, whether or not the function reacts. The context ends with the call.
 *
 * `execute` rejects with `DEADLINE_EXCEEDED` and `workBegan: true` when the time is up; if the call still waits in a primitive
 * then, with the rejection of that primitive. Its timer does not keep the process alive.
 *
 * @throws TypeError or RangeError naming the first option that is wrong.
 */
export function timeout(options: TimeoutOptions): Policy {
  return new Timeout(options);
}
