import type { Policy } from '@bp/core';
import { checkFunction, checkNonNegative, checkOptions, checkPositive, optionNames } from '@bp/core/kit';
import {
  type ResolvedRetryingOptions,
  type RetryingOptions,
  resolveRetrying,
  retryingOptionNames,
} from '../options.ts';
import { wallNow } from '../retry-after.ts';

/** The type of `fetch` in every runtime. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Options of `createRetryingFetch`. */
export interface RetryingFetchOptions extends RetryingOptions {
  /** Sends the requests. Default: the global `fetch`, looked up at each call. */
  readonly fetch?: Fetch | undefined;
  /** Status codes (100 to 599) that are retried. Default: 408, 425, 429, 500, 502, 503, 504. */
  readonly retryStatuses?: readonly number[] | undefined;
  /**
   * Returns the policy for each attempt to a host (name and port), such as its circuit breaker; undefined for none. Responses
   * from status 500 on reach it as errors with the `retryAfterMs` of the response. Default: none.
   */
  readonly breakerFor?: ((host: string) => Policy | undefined) | undefined;
  /** Milliseconds of the remaining time that the network needs and the server does not get (>= 0). Default: 10. */
  readonly marginMs?: number | undefined;
  /** Milliseconds until the deadline below which no attempt begins (> `marginMs`). Default: `marginMs` + 10. */
  readonly minAttemptMs?: number | undefined;
  /** Returns milliseconds since 1970, only for a `Retry-After` with a date. Default: `Date.now`. */
  readonly wallNow?: (() => number) | undefined;
}

const FETCH_NAMES = /* @__PURE__ */ optionNames<Omit<RetryingFetchOptions, keyof RetryingOptions>>({
  fetch: true,
  retryStatuses: true,
  breakerFor: true,
  marginMs: true,
  minAttemptMs: true,
  wallNow: true,
});

/** The options with all defaults. */
export interface ResolvedRetryingFetchOptions extends ResolvedRetryingOptions {
  readonly fetch: Fetch;
  readonly retryStatuses: ReadonlySet<number>;
  readonly breakerFor: (host: string) => Policy | undefined;
  readonly marginMs: number;
  readonly wallNow: () => number;
}

function checkStatuses(value: unknown): ReadonlySet<number> {
  if (!Array.isArray(value)) throw new TypeError(`retryStatuses must be an array, got ${typeof value}`);
  for (const status of value) {
    if (!(Number.isInteger(status) && status >= 100 && status <= 599)) {
      throw new RangeError(`retryStatuses must be integers from 100 to 599, got ${String(status)}`);
    }
  }
  return new Set(value);
}

/** @throws TypeError or RangeError naming the first option that is wrong. */
export function resolveFetchOptions(options: RetryingFetchOptions): ResolvedRetryingFetchOptions {
  checkOptions(options, [...retryingOptionNames, ...FETCH_NAMES]);
  const marginMs = checkNonNegative('marginMs', options.marginMs ?? 10);
  const minAttemptMs = checkPositive('minAttemptMs', options.minAttemptMs ?? marginMs + 10);
  if (minAttemptMs <= marginMs) {
    throw new RangeError(`minAttemptMs must be above marginMs = ${marginMs}, got ${minAttemptMs}`);
  }
  return {
    ...resolveRetrying(options, minAttemptMs, 'retrying-fetch'),
    fetch: checkFunction('fetch', options.fetch ?? ((input, init) => globalThis.fetch(input, init))),
    retryStatuses: checkStatuses(options.retryStatuses ?? [408, 425, 429, 500, 502, 503, 504]),
    breakerFor: checkFunction('breakerFor', options.breakerFor ?? (() => undefined)),
    marginMs,
    wallNow: checkFunction('wallNow', options.wallNow ?? wallNow),
  };
}
