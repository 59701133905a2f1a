import type { FastifyReply } from 'fastify';

/** What the fields are told of the limit. */
export interface RateLimitPolicy {
  readonly name: string;
  /** Tokens a second (> 0). */
  readonly rate: number;
  readonly burst: number;
}

/**
 * The `RateLimit-Policy` and `RateLimit` fields of draft-ietf-httpapi-ratelimit-headers (structured fields, RFC 9651).
 * The policy is named, the client never is.
 */
export class RateLimitFields {
  readonly #name: string;
  readonly #rate: number;
  readonly #policy: string;

  constructor({ name, rate, burst }: RateLimitPolicy) {
    const windowSeconds = Math.max(1, Math.ceil(burst / rate));
    this.#name = name;
    this.#rate = rate;
    this.#policy = `"${name}";q=${Math.floor(Math.max(burst, rate * windowSeconds))};w=${windowSeconds}`;
  }

  /** Of an admitted request: what is left, and the seconds in which as much comes back. */
  admitted(reply: FastifyReply, remaining: number): void {
    const left = Math.floor(remaining);
    this.#send(reply, left, Math.max(1, Math.ceil(left / this.#rate)));
  }

  /** Of a refused one: nothing until `retryAfter` seconds from now. */
  refused(reply: FastifyReply, retryAfter: number): void {
    this.#send(reply, 0, retryAfter);
  }

  #send(reply: FastifyReply, remaining: number, seconds: number): void {
    reply.header('ratelimit-policy', this.#policy);
    reply.header('ratelimit', `"${this.#name}";r=${remaining};t=${seconds}`);
  }
}
