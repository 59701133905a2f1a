import type { FastifyReply, FastifyRequest } from 'fastify';
import { prefersProblem } from './accept.ts';
import type { Answer } from './answers.ts';
import type { RejectedCounts } from './stats.ts';

/** Why somebody is rejected, and when to come back. */
export interface Rejection {
  /** As what it is counted. */
  readonly reason: keyof RejectedCounts;
  readonly answer: Answer;
  /** Milliseconds; undefined or `Infinity` if there is no such time. */
  readonly retryAfterMs: number | undefined;
  /** Milliseconds over which the return is spread beyond that. Default: 0. */
  readonly spreadMs?: number;
  /** The policy that rejected. Default: the reason. */
  readonly policy?: string;
}

/** What {@link Replies} needs. */
export interface RepliesOptions {
  readonly jitter: number;
  readonly random: () => number;
  readonly maxUnreadBodyBytes: number;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

/** Sends rejections, and counts them: a status, two headers and a string. Nothing is thrown, and no body is read. */
export class Replies {
  readonly #counts = { shutdown: 0, deadline: 0, rate_limit: 0, load: 0, handler: 0 };
  readonly #jitter: number;
  readonly #random: () => number;
  readonly #maxUnreadBodyBytes: number;

  constructor({ jitter, random, maxUnreadBodyBytes }: RepliesOptions) {
    this.#jitter = jitter;
    this.#random = random;
    this.#maxUnreadBodyBytes = maxUnreadBodyBytes;
  }

  get counts(): RejectedCounts {
    return { ...this.#counts };
  }

  /** Before the body was read: what is left of it is thrown away, or the connection is closed if that is too much. */
  sendEarly(request: FastifyRequest, reply: FastifyReply, rejection: Rejection, close = false): void {
    if ((close || this.#bodyMayBeLarge(request)) && request.raw.httpVersionMajor === 1) {
      reply.header('connection', 'close');
    }
    this.send(request, reply, rejection);
  }

  send({ headers }: FastifyRequest, reply: FastifyReply, rejection: Rejection): void {
    const { answer, reason, policy = reason } = rejection;
    const seconds = this.#seconds(rejection);
    this.#counts[reason]++;
    reply.code(answer.status);
    if (seconds !== undefined) reply.header('retry-after', `${seconds}`);
    if (prefersProblem(headers.accept)) {
      reply.header('content-type', PROBLEM_TYPE).send(problemBody(answer, policy, seconds));
    } else {
      reply.header('content-type', JSON_TYPE).send(jsonBody(answer, seconds));
    }
  }

  /** Whole seconds, rounded up: never earlier than what was computed, later by chance. */
  #seconds({ retryAfterMs, spreadMs = 0 }: Rejection): number | undefined {
    if (retryAfterMs === undefined || retryAfterMs === Number.POSITIVE_INFINITY) return undefined;
    const window = Math.max(this.#jitter * retryAfterMs, spreadMs);
    return Math.ceil((retryAfterMs + this.#random() * window) / 1000);
  }

  // Node reads and drops what is left of a body to keep the connection; one of unknown length has no end we know of.
  #bodyMayBeLarge({ headers }: FastifyRequest): boolean {
    if (headers['transfer-encoding'] !== undefined) return true;
    const { 'content-length': length } = headers;
    return length !== undefined && !(Number(length) <= this.#maxUnreadBodyBytes);
  }
}

function jsonBody({ error }: Answer, seconds: number | undefined): string {
  return seconds === undefined ? `{"error":"${error}"}` : `{"error":"${error}","retryAfter":${seconds}}`;
}

function problemBody(
  { problem, namesPolicies }: Answer,
  policy: string,
  seconds: number | undefined,
): string {
  const policies = namesPolicies ? `,"violated-policies":[${JSON.stringify(policy)}]` : '';
  const retryAfter = seconds === undefined ? '' : `,"retryAfter":${seconds}`;
  return `{${problem}${policies}${retryAfter}}`;
}
