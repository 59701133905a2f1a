import { checkInteger, checkNonNegative, checkOptions, checkPositive } from '@bp/core/kit';
import { checkPriority, type RequestContextOptions } from './options.ts';

/** Milliseconds left, as a decimal integer. Relative, so that no two clocks need to agree. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';
/** gRPC's form of the same: up to 8 digits and a unit. */
export const GRPC_TIMEOUT_HEADER = 'grpc-timeout';
/** The priority of the request, an integer of up to 6 digits; higher is more important. */
export const PRIORITY_HEADER = 'x-request-priority';
/** Which try this is, from 1 to 999. */
export const ATTEMPT_HEADER = 'x-request-attempt';

/** Headers as frameworks have them: a web-standard `Headers`, a `Map`, or a record; with lower-case names in the latter two. */
export type HeaderSource =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

const MAX_TIMEOUT_MS = 9_999_999_999;
const MAX_TIMEOUT_DIGITS = 10;
const CODE_OF_0 = 48;
const MAX_GRPC_DIGITS = 99_999_999;
const MAX_PRIORITY = 999_999;
const MAX_ATTEMPT = 999;
const GRPC_UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** The milliseconds that `x-request-timeout-ms` says: 1 to 10 digits and nothing else; undefined for anything else. */
export function parseTimeoutMs(value: string): number | undefined {
  if (value === '' || value.length > MAX_TIMEOUT_DIGITS) return undefined;
  // By hand, as every request is asked: to begin a regular expression costs twice as much as this.
  let ms = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = value.charCodeAt(i) - CODE_OF_0;
    if (digit < 0 || digit > 9) return undefined;
    ms = ms * 10 + digit;
  }
  return ms;
}

/** The milliseconds that `grpc-timeout` says: 1 to 8 digits and one of H, M, S, m, u, n; undefined for anything else. */
export function parseGrpcTimeoutMs(value: string): number | undefined {
  if (!/^\d{1,8}[HMSmun]$/.test(value)) return undefined;
  return Number(value.slice(0, -1)) * (GRPC_UNITS_MS[value.slice(-1)] as number);
}

/** How much of what a request says of itself a server believes. */
export interface InboundLimits {
  /** Milliseconds that a request may ask for at most (> 0). */
  readonly maxTimeoutMs: number;
  /**
   * Milliseconds for a request that asks for none, or in a form that is not allowed (> 0, at most `maxTimeoutMs`).
   * Default: `maxTimeoutMs`.
   */
  readonly defaultTimeoutMs?: number | undefined;
  /**
   * The highest priority (finite) a request may give itself; it may always lower it, and has 0 or this, whichever is
   * lower, if it says nothing. Default: its word is not taken.
   */
  readonly maxPriority?: number | undefined;
}

/**
 * What a request may be told to be, from its headers, within `limits`: give it to `new RequestContext(...)`.
 * `x-request-timeout-ms` goes before `grpc-timeout`; a header that comes twice counts as one that is not allowed.
 *
 * @throws TypeError or RangeError naming the limit that is wrong; never because of a header.
 */
export function readContextOptions(
  headers: HeaderSource,
  limits: InboundLimits,
): RequestContextOptions & { readonly timeoutMs: number } {
  const maxTimeoutMs = checkPositive('maxTimeoutMs', checkOptions(limits).maxTimeoutMs);
  const defaultTimeoutMs = checkPositive('defaultTimeoutMs', limits.defaultTimeoutMs ?? maxTimeoutMs);
  if (defaultTimeoutMs > maxTimeoutMs) {
    throw new RangeError(
      `defaultTimeoutMs must be at most maxTimeoutMs = ${maxTimeoutMs}, got ${defaultTimeoutMs}`,
    );
  }
  const asked =
    parsed(headers, TIMEOUT_HEADER, parseTimeoutMs) ??
    parsed(headers, GRPC_TIMEOUT_HEADER, parseGrpcTimeoutMs);
  const timeoutMs = Math.min(asked ?? defaultTimeoutMs, maxTimeoutMs);
  if (limits.maxPriority === undefined) return { timeoutMs };
  const maxPriority = checkPriority('maxPriority', limits.maxPriority);
  return { timeoutMs, priority: Math.min(parsed(headers, PRIORITY_HEADER, parsePriority) ?? 0, maxPriority) };
}

/** Which try a request says it is, from 1; 1 if it does not say, or in a form that is not allowed. */
export function readAttempt(headers: HeaderSource): number {
  return parsed(headers, ATTEMPT_HEADER, parseAttempt) ?? 1;
}

/** What goes out with a call to the next service. */
export interface OutboundOptions {
  /** Milliseconds kept back for the way there and back (>= 0). Default: 10. */
  readonly marginMs?: number | undefined;
  /** Which try this is, from 1; more than 999 is sent as 999. Default: not said. */
  readonly attempt?: number | undefined;
  /** Whether the time is sent as `grpc-timeout` instead. Default: false. */
  readonly grpc?: boolean | undefined;
}

/** What goes out of a context; a `RequestContext` is one. */
export interface OutboundContext {
  readonly priority: number;
  remainingMs(): number;
}

/**
 * The headers that carry `ctx` on: what remains of its time less the margin (at least 0), its priority if it has one
 * (a fraction rounded down, so that it never grows on the way), and the number of the try. Without a deadline none is sent.
 *
 * @throws TypeError or RangeError naming the option that is wrong.
 */
export function contextHeaders(ctx: OutboundContext, options: OutboundOptions = {}): Record<string, string> {
  const { marginMs = 10, attempt, grpc = false } = checkOptions(options);
  checkNonNegative('marginMs', marginMs);
  const headers: Record<string, string> = {};
  const remainingMs = ctx.remainingMs();
  if (remainingMs !== Number.POSITIVE_INFINITY) {
    const timeoutMs = Math.min(Math.max(0, Math.floor(remainingMs - marginMs)), MAX_TIMEOUT_MS);
    if (grpc) headers[GRPC_TIMEOUT_HEADER] = grpcTimeout(timeoutMs);
    else headers[TIMEOUT_HEADER] = String(timeoutMs);
  }
  const priority = Math.max(-MAX_PRIORITY, Math.min(Math.floor(ctx.priority), MAX_PRIORITY));
  if (priority !== 0) headers[PRIORITY_HEADER] = String(priority);
  if (attempt !== undefined) {
    headers[ATTEMPT_HEADER] = String(Math.min(checkInteger('attempt', attempt), MAX_ATTEMPT));
  }
  return headers;
}

function grpcTimeout(timeoutMs: number): string {
  return timeoutMs <= MAX_GRPC_DIGITS ? `${timeoutMs}m` : `${Math.floor(timeoutMs / 1000)}S`;
}

function parsePriority(value: string): number | undefined {
  return /^-?\d{1,6}$/.test(value) ? Number(value) : undefined;
}

function parseAttempt(value: string): number | undefined {
  return /^[1-9]\d{0,2}$/.test(value) ? Number(value) : undefined;
}

function parsed<T>(
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
