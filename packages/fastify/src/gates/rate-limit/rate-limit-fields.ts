/** A rate limit as the fields describe it. */
export interface RateLimitPolicy {
  /** Printable ASCII. */
  readonly name: string;
  /** Tokens per second (>= 0, finite). */
  readonly ratePerSecond: number;
  /** Tokens that an idle client may take at once. */
  readonly burst: number;
}

/** Most requests are admitted, so the field for each number of tokens left below this is made once. */
const KEPT = 1024;

/**
 * The `RateLimit-Policy` and `RateLimit` response fields of one policy, as draft-ietf-httpapi-ratelimit-headers-11
 * defines them (structured fields, RFC 9651). They name the policy of a client, never its key.
 */
export class RateLimitFields {
  /** `"name";q=..;w=..`: the quota of a window in which a full bucket is spent; whole seconds, at least one. */
  readonly policy: string;
  readonly #name: string;
  readonly #ratePerSecond: number;
  readonly #kept: string[] = [];

  constructor({ name, ratePerSecond, burst }: RateLimitPolicy) {
    this.#name = structuredString(name);
    this.#ratePerSecond = ratePerSecond;
    if (ratePerSecond === 0) {
      this.policy = `${this.#name};q=0`;
      return;
    }
    const windowSeconds = Math.max(1, Math.ceil(burst / ratePerSecond));
    const quota = Math.max(Math.floor(burst), Math.floor(ratePerSecond * windowSeconds));
    this.policy = `${this.#name};q=${structuredInteger(quota)};w=${structuredInteger(windowSeconds)}`;
  }

  /**
   * `RateLimit` of an admitted request. A client that spreads `r` requests over `t` seconds sends at the sustained rate, however
   * full its bucket is. With nothing left, `t` is the time of one token.
   */
  left(remaining: number): string {
    const whole = Math.floor(remaining);
    return this.#kept[whole] ?? this.#make(whole);
  }

  /** `RateLimit` of a rejected request: nothing is left for `retryAfterMs`; `Infinity` sends no time. */
  exhausted(retryAfterMs: number): string {
    if (retryAfterMs === Number.POSITIVE_INFINITY) return `${this.#name};r=0`;
    return `${this.#name};r=0;t=${structuredInteger(Math.ceil(retryAfterMs / 1000))}`;
  }

  #make(whole: number): string {
    const seconds = Math.max(1, Math.ceil(Math.max(1, whole) / this.#ratePerSecond));
    const field = `${this.#name};r=${structuredInteger(whole)};t=${structuredInteger(seconds)}`;
    if (whole < KEPT) this.#kept[whole] = field;
    return field;
  }
}

/** Whether `name` can be sent in a structured string. */
export function isFieldName(name: string): boolean {
  return /^[\x20-\x7e]{1,100}$/.test(name);
}

function structuredString(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}

const MAX_INTEGER = 999_999_999_999_999;

function structuredInteger(value: number): number {
  return Math.min(value, MAX_INTEGER);
}
