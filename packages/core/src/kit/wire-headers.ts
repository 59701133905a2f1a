/** Milliseconds left, as a decimal integer. A duration, so that no two clocks need to agree. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';
/** gRPC's form of the same: up to 8 digits and a unit. */
export const GRPC_TIMEOUT_HEADER = 'grpc-timeout';
/** The priority of the request, an integer of up to 6 digits; higher is more important. */
export const PRIORITY_HEADER = 'x-request-priority';
/** The number of the attempt, from 1 to 999. */
export const ATTEMPT_HEADER = 'x-request-attempt';

/** Headers as frameworks have them: a web-standard `Headers`, a `Map`, or a record; with lower-case names in the latter two. */
export type HeaderSource =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

const MAX_TIMEOUT_DIGITS = 10;
const MAX_TIMEOUT_MS = 9_999_999_999;
const MAX_GRPC_DIGITS = 99_999_999;
const MAX_PRIORITY = 999_999;
const MAX_ATTEMPT = 999;
const CODE_OF_0 = 48;
const GRPC_UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/**
 * Reads one header with `parse`. Returns undefined if it is absent, appears more than once, or `parse` returns undefined.
 * Never throws.
 */
export function readHeader<T>(
  headers: HeaderSource,
  name: string,
  parse: (value: string) => T | undefined,
): T | undefined {
  const value = typeof headers.get === 'function' ? headers.get(name) : ownValue(headers, name);
  return typeof value === 'string' ? parse(value) : undefined;
}

function ownValue(headers: HeaderSource, name: string): unknown {
  return Object.hasOwn(headers, name) ? (headers as Readonly<Record<string, unknown>>)[name] : undefined;
}

/** Parses the milliseconds of `x-request-timeout-ms`: 1 to 10 digits; undefined for anything else. */
export function parseTimeoutMs(value: string): number | undefined {
  if (value === '' || value.length > MAX_TIMEOUT_DIGITS) return undefined;
  // By hand: it runs for every request, and starting a regular expression costs twice as much.
  let ms = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - CODE_OF_0;
    if (digit < 0 || digit > 9) return undefined;
    ms = ms * 10 + digit;
  }
  return ms;
}

/** Parses the milliseconds of `grpc-timeout`: 1 to 8 digits and one of H, M, S, m, u, n; undefined for anything else. */
export function parseGrpcTimeoutMs(value: string): number | undefined {
  if (!/^\d{1,8}[HMSmun]$/.test(value)) return undefined;
  return Number(value.slice(0, -1)) * (GRPC_UNITS_MS[value.slice(-1)] as number);
}

/** Parses `x-request-priority`: an integer of 1 to 6 digits; undefined for anything else. */
export function parsePriority(value: string): number | undefined {
  return /^-?\d{1,6}$/.test(value) ? Number(value) : undefined;
}

/** Parses `x-request-attempt`: an integer from 1 to 999; undefined for anything else. */
export function parseAttempt(value: string): number | undefined {
  return /^[1-9]\d{0,2}$/.test(value) ? Number(value) : undefined;
}

/** The fields of an outgoing call that its headers carry. */
export interface WireFields {
  /** Milliseconds until the deadline; `Infinity` or undefined: no header. */
  readonly remainingMs?: number | undefined;
  /** Milliseconds of `remainingMs` that the network needs. Default: 0. */
  readonly marginMs?: number | undefined;
  /** 0 or undefined: no header. */
  readonly priority?: number | undefined;
  /** From 1; undefined: no header. */
  readonly attempt?: number | undefined;
  /** Whether the timeout is sent as `grpc-timeout`. Default: false. */
  readonly grpc?: boolean | undefined;
}

/**
 * Makes the headers of an outgoing call. Times and priorities are rounded down, so that neither grows on the way; values that
 * do not fit their header are clamped.
 */
export function wireHeaders(fields: WireFields): Record<string, string> {
  const {
    remainingMs = Number.POSITIVE_INFINITY,
    marginMs = 0,
    priority = 0,
    attempt,
    grpc = false,
  } = fields;
  const headers: Record<string, string> = {};
  if (remainingMs !== Number.POSITIVE_INFINITY) {
    const timeoutMs = clampedInteger(remainingMs - marginMs, 0, MAX_TIMEOUT_MS);
    if (grpc) headers[GRPC_TIMEOUT_HEADER] = grpcTimeout(timeoutMs);
    else headers[TIMEOUT_HEADER] = String(timeoutMs);
  }
  const whole = clampedInteger(priority, -MAX_PRIORITY, MAX_PRIORITY);
  if (whole !== 0) headers[PRIORITY_HEADER] = String(whole);
  if (attempt !== undefined) headers[ATTEMPT_HEADER] = String(Math.min(attempt, MAX_ATTEMPT));
  return headers;
}

/** Rounds down and clamps; `NaN` becomes 0. */
function clampedInteger(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(Math.floor(value), max)) || 0;
}

function grpcTimeout(timeoutMs: number): string {
  return timeoutMs <= MAX_GRPC_DIGITS ? `${timeoutMs}m` : `${Math.floor(timeoutMs / 1000)}S`;
}
