import type { RejectedError, RejectionCode } from '@bp/core';

/** What a rejected request is told. */
export interface Answer {
  readonly status: 429 | 503 | 504;
  /** `error` of the JSON body. */
  readonly error: string;
  /** `type` and `title` of the problem details, serialised. */
  readonly problem: string;
  /** Whether the policies that rejected are named in the problem details. */
  readonly namesPolicies: boolean;
}

const TYPES = 'https://iana.org/assignments/http-problem-types';

function answer(status: Answer['status'], error: string, type: string, title: string): Answer {
  const problem = `"type":${JSON.stringify(type)},"title":${JSON.stringify(title)},"status":${status}`;
  return { status, error, problem, namesPolicies: type !== 'about:blank' };
}

const REDUCED_CAPACITY = [
  `${TYPES}#temporary-reduced-capacity`,
  'Request cannot be satisfied due to temporary server capacity constraints',
] as const;

/** The documented answers, with the problem types of draft-ietf-httpapi-ratelimit-headers-11 where there is one. */
export const answers = {
  rateLimited: answer(
    429,
    'Rate limit exceeded',
    `${TYPES}#quota-exceeded`,
    'Request cannot be satisfied as assigned quota has been exceeded',
  ),
  overloaded: answer(503, 'Service overloaded', ...REDUCED_CAPACITY),
  unavailable: answer(503, 'Service unavailable', ...REDUCED_CAPACITY),
  shuttingDown: answer(503, 'Service shutting down', ...REDUCED_CAPACITY),
  cancelled: answer(503, 'Request cancelled', 'about:blank', 'Service Unavailable'),
  deadlineExceeded: answer(504, 'Deadline exceeded', 'about:blank', 'Gateway Timeout'),
} as const;

const byCode: Readonly<Record<RejectionCode, Answer>> = {
  RATE_LIMITED: answers.rateLimited,
  QUEUE_FULL: answers.overloaded,
  CONCURRENCY_LIMIT: answers.overloaded,
  SHED: answers.overloaded,
  CIRCUIT_OPEN: answers.unavailable,
  SHUTTING_DOWN: answers.shuttingDown,
  DEADLINE_EXCEEDED: answers.deadlineExceeded,
  CANCELLED: answers.cancelled,
};

/** What a request is told whose handler threw `error`. A code of a later version of the core is an overload too. */
export function answerTo(error: RejectedError): Answer {
  return byCode[error.code] ?? answers.overloaded;
}
