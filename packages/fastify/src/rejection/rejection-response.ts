import type { RejectedError, RejectionCode } from '@bp/core';
import type { GateName } from '../stats.ts';

/** Status and texts of the response to a rejected request. */
export interface RejectionResponse {
  readonly status: 429 | 503 | 504;
  /** `error` of the JSON body. */
  readonly error: string;
  /** `type`, `title` and `status` of the problem details, serialised. */
  readonly problem: string;
  /** Whether the problem type defines `violated-policies`. */
  readonly namesPolicies: boolean;
}

const TYPES = 'https://iana.org/assignments/http-problem-types';

function response(
  status: RejectionResponse['status'],
  error: string,
  type: string,
  title: string,
): RejectionResponse {
  const problem = `"type":${JSON.stringify(type)},"title":${JSON.stringify(title)},"status":${status}`;
  return { status, error, problem, namesPolicies: type !== 'about:blank' };
}

const REDUCED_CAPACITY = [
  `${TYPES}#temporary-reduced-capacity`,
  'Request cannot be satisfied due to temporary server capacity constraints',
] as const;

const overloaded = response(503, 'Service overloaded', ...REDUCED_CAPACITY);

// The problem types are those of draft-ietf-httpapi-ratelimit-headers-11 where it defines one.
const responses: Readonly<Record<RejectionCode, RejectionResponse>> = {
  RATE_LIMITED: response(
    429,
    'Rate limit exceeded',
    `${TYPES}#quota-exceeded`,
    'Request cannot be satisfied as assigned quota has been exceeded',
  ),
  QUEUE_FULL: overloaded,
  CONCURRENCY_LIMIT: overloaded,
  SHED: overloaded,
  CIRCUIT_OPEN: response(503, 'Service unavailable', ...REDUCED_CAPACITY),
  SHUTTING_DOWN: response(503, 'Service shutting down', ...REDUCED_CAPACITY),
  CANCELLED: response(503, 'Request cancelled', 'about:blank', 'Service Unavailable'),
  DEADLINE_EXCEEDED: response(504, 'Deadline exceeded', 'about:blank', 'Gateway Timeout'),
};

/** The response to `rejection`. A code that this version does not know counts as an overload. */
export function responseTo({ code }: RejectedError): RejectionResponse {
  return responses[code] ?? overloaded;
}

/** Whether `rejection` is answered with `503 Service overloaded`. */
export function isOverload(rejection: RejectedError): boolean {
  return responseTo(rejection) === overloaded;
}

/** `{"error","retryAfter"}`, without `retryAfter` if no time is sent. */
export function jsonBody({ error }: RejectionResponse, seconds: number | undefined): string {
  return seconds === undefined ? `{"error":"${error}"}` : `{"error":"${error}","retryAfter":${seconds}}`;
}

/** Problem details (RFC 9457) that name the gate, the code and the primitive of the rejection. */
export function problemBody(
  { problem, namesPolicies }: RejectionResponse,
  gate: GateName,
  { code, rejectedBy }: RejectedError,
  seconds: number | undefined,
): string {
  const name = JSON.stringify(rejectedBy ?? 'unknown');
  const policies = namesPolicies ? `,"violated-policies":[${name}]` : '';
  const retryAfter = seconds === undefined ? '' : `,"retryAfter":${seconds}`;
  return `{${problem},"gate":"${gate}","code":${JSON.stringify(code)},"rejectedBy":${name}${policies}${retryAfter}}`;
}
