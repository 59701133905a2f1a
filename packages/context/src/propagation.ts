import { checkInteger, checkNonNegative, checkPositive } from '@bp/core';
import type { RequestContextOptions } from './options.ts';
import type { RequestContext } from './request-context.ts';

/** Milliseconds left, as a decimal integer. Relative, so that no two clocks need to agree. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';
/** gRPC's form of the same: up to 8 digits and a unit. */
export const GRPC_TIMEOUT_HEADER = 'grpc-timeout';
/** The priority of the request, an integer; higher is more important. */
export const PRIORITY_HEADER = 'x-request-priority';
/** Which try this is, from 1. */
export const ATTEMPT_HEADER = 'x-request-attempt';

/** Headers as frameworks have them: a web-standard `Headers`, or a record with lower-case names. */
export type HeaderSource =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

const MAX_DIGITS = 10;
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
  return value.length <= MAX_DIGITS && /^\d+$/.test(value) ? Number(value) : undefined;
}

/** The milliseconds that `grpc-timeout` says: 1 to 8 digits and one of H, M, S, m, u, n; undefined for anything else. */
export function parseGrpcTimeoutMs(value: string): number | undefined {
  if (value.length > 9 || !/^\d{1,8}[HMSmun]$/.test(value)) return undefined;
  return Number(value.slice(0, -1)) * (GRPC_UNITS_MS[value.slice(-1)] as number);
}

/** How much of what a request says of itself a server believes. */
export interface InboundLimits {
  /** Milliseconds that a request may ask for at most (> 0). */
  readonly maxTimeoutMs: number;
  /** Milliseconds for a request that asks for none, or in a form that is not allowed (> 0). Default: `maxTimeoutMs`. */
  readonly defaultTimeoutMs?: number | undefined;
  /** The highest priority a request may give itself; it may always lower it. Default: its word is not taken. */
  readonly maxPriority?: number | undefined;
}

/** What a request may be told to be, from its headers, within `limits`: give it to `new RequestContext(...)`. */
export function readContextOptions(
  headers: HeaderSource,
  limits: InboundLimits,
): RequestContextOptions & { readonly timeoutMs: number } {
  const maxTimeoutMs = checkPositive('maxTimeoutMs', limits.maxTimeoutMs);
  const defaultTimeoutMs = checkPositive('defaultTimeoutMs', limits.defaultTimeoutMs ?? maxTimeoutMs);
  const asked =
    parsed(headers, TIMEOUT_HEADER, parseTimeoutMs) ??
    parsed(headers, GRPC_TIMEOUT_HEADER, parseGrpcTimeoutMs);
  const timeoutMs = Math.min(asked ?? defaultTimeoutMs, maxTimeoutMs);
  if (limits.maxPriority === undefined) return { timeoutMs };
  const priority = parsed(headers, PRIORITY_HEADER, parsePriority);
  return { timeoutMs, priority: Math.min(priority ?? 0, limits.maxPriority) };
}

/** Which try a request says it is, from 1; 1 if it does not say, or in a form that is not allowed. */
export function readAttempt(headers: HeaderSource): number {
  return (
    parsed(headers, ATTEMPT_HEADER, (value) => (/^[1-9]\d{0,2}$/.test(value) ? Number(value) : undefined)) ??
    1
  );
}

/** What goes out with a call to the next service. */
export interface OutboundOptions {
  /** Milliseconds kept back for the way there and back (>= 0). Default: 10. */
  readonly marginMs?: number | undefined;
  /** Which try this is, from 1. Default: not said. */
  readonly attempt?: number | undefined;
}

/**
 * The headers that carry `ctx` on: what remains of its time less the margin (at least 0), its priority if it has one,
 * and the number of the try. Without a deadline none is sent.
 */
export function contextHeaders(ctx: RequestContext, options: OutboundOptions = {}): Record<string, string> {
  const marginMs = checkNonNegative('marginMs', options.marginMs ?? 10);
  const headers: Record<string, string> = {};
  const remainingMs = ctx.remainingMs();
  if (remainingMs !== Number.POSITIVE_INFINITY) {
    headers[TIMEOUT_HEADER] = String(
      Math.min(Math.max(0, Math.floor(remainingMs - marginMs)), 9_999_999_999),
    );
  }
  if (ctx.priority !== 0) headers[PRIORITY_HEADER] = String(Math.trunc(ctx.priority));
  if (options.attempt !== undefined)
    headers[ATTEMPT_HEADER] = String(checkInteger('attempt', options.attempt));
  return headers;
}

function parsePriority(value: string): number | undefined {
  return /^-?\d{1,6}$/.test(value) ? Number(value) : undefined;
}

function parsed<T>(
  headers: HeaderSource,
  name: string,
  parse: (value: string) => T | undefined,
): T | undefined {
  const value =
    typeof headers.get === 'function'
      ? headers.get(name)
      : Object.hasOwn(headers, name)
        ? (headers as Readonly<Record<string, unknown>>)[name]
        : undefined;
  return typeof value === 'string' ? parse(value) : undefined;
}
