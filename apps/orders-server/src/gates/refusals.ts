import type { Clock } from '@bp/core';
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify';

/** An `onRequest` hook that answers and stops, or calls `done` and lets the request pass. It never throws. */
export type Gate = (request: FastifyRequest, reply: FastifyReply, done: () => void) => void;

/** Answers one request with a refusal. */
export type Refuse = (request: FastifyRequest, reply: FastifyReply) => void;

/** The policy of the rate limit, as its fields and its problem details name it. */
export const RATE_LIMIT_POLICY = 'orders';

const PROBLEM_TYPES = 'https://iana.org/assignments/http-problem-types';

/** What a refused client reads: the documented body, or problem details (RFC 9457) if it asks for those. */
const answers = {
  shuttingDown: { status: 503, error: 'Service shutting down', problem: 'temporary-reduced-capacity' },
  rateLimited: { status: 429, error: 'Rate limit exceeded', problem: 'quota-exceeded' },
  overloaded: { status: 503, error: 'Service overloaded', problem: 'temporary-reduced-capacity' },
} as const;

/** `ms` as `Retry-After` has it: whole seconds, rounded up, at least one. */
export function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

/** Which gate refused. */
export type RefusalKind = keyof typeof answers;

/** How long refusals are counted before one line tells of them. */
const REPORT_INTERVAL_MS = 10_000;

/** What {@link Refusals} needs. */
export interface RefusalsOptions {
  readonly clock: Clock;
  readonly log: FastifyBaseLogger;
  /** A body that may be larger than this is not read to keep its connection. */
  readonly bodyLimitBytes: number;
}

/** Answers the refused, cheaply, and counts them: one log line for all refusals of ten seconds, none if there were none. */
export class Refusals {
  readonly #clock: Clock;
  readonly #log: FastifyBaseLogger;
  readonly #bodyLimitBytes: number;
  readonly #total: Record<RefusalKind, number> = { shuttingDown: 0, rateLimited: 0, overloaded: 0 };
  #reported: Readonly<Record<RefusalKind, number>> = { ...this.#total };
  #reportDue = false;

  constructor({ clock, log, bodyLimitBytes }: RefusalsOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#bodyLimitBytes = bodyLimitBytes;
  }

  /** How often each gate has refused since the server started. */
  get total(): Readonly<Record<RefusalKind, number>> {
    return { ...this.#total };
  }

  /** Sends the refusal: `retryAfterMs` in whole seconds, rounded up, in the header and in the body. */
  send(kind: RefusalKind, request: FastifyRequest, reply: FastifyReply, retryAfterMs: number): void {
    const { status } = answers[kind];
    const retryAfter = wholeSeconds(retryAfterMs);
    this.#count(kind);
    if (kind === 'shuttingDown' || this.#bodyMayBeLarge(request)) reply.header('connection', 'close');
    reply.code(status).header('retry-after', `${retryAfter}`);
    if (request.headers.accept?.includes('application/problem+json')) {
      reply.header('content-type', 'application/problem+json').send(problemBody(kind, retryAfter));
    } else {
      reply.header('content-type', 'application/json; charset=utf-8').send(jsonBody(kind, retryAfter));
    }
  }

  #bodyMayBeLarge({ headers }: FastifyRequest): boolean {
    if (headers['transfer-encoding'] !== undefined) return true;
    const { 'content-length': length } = headers;
    return length !== undefined && !(Number(length) <= this.#bodyLimitBytes);
  }

  #count(kind: RefusalKind): void {
    this.#total[kind]++;
    if (this.#reportDue) return;
    this.#reportDue = true;
    this.#clock.setTimer(() => this.#report(), REPORT_INTERVAL_MS, { keepAlive: false });
  }

  #report(): void {
    const refused: Partial<Record<RefusalKind, number>> = {};
    for (const kind of Object.keys(answers) as RefusalKind[]) {
      const count = this.#total[kind] - this.#reported[kind];
      if (count > 0) refused[kind] = count;
    }
    this.#reported = this.total;
    this.#reportDue = false;
    this.#log.info({ refused }, 'refused');
  }
}

function jsonBody(kind: RefusalKind, retryAfter: number): string {
  return `{"error":"${answers[kind].error}","retryAfter":${retryAfter}}`;
}

function problemBody(kind: RefusalKind, retryAfter: number): string {
  const { status, error, problem } = answers[kind];
  const policies = kind === 'rateLimited' ? `,"violated-policies":["${RATE_LIMIT_POLICY}"]` : '';
  return `{"type":"${PROBLEM_TYPES}#${problem}","title":"${error}","status":${status}${policies},"retryAfter":${retryAfter}}`;
}
