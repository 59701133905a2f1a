import {
  ATTEMPT_HEADER,
  checkInteger,
  checkNonNegative,
  checkOptions,
  checkPositive,
  GRPC_TIMEOUT_HEADER,
  type HeaderSource,
  optionNames,
  PRIORITY_HEADER,
  parseAttempt,
  parseGrpcTimeoutMs,
  parsePriority,
  parseTimeoutMs,
  readHeader,
  TIMEOUT_HEADER,
  wireHeaders,
} from '@bp/core/kit';
import { checkPriority, checkTimeout, type RequestContextOptions } from './options.ts';

const DEFAULT_MARGIN_MS = 10;

/** Limits what a server believes of a request's own claims. */
export interface InboundLimits {
  /** Most milliseconds that a request may ask for (> 0, at most ten years). */
  readonly maxTimeoutMs: number;
  /**
   * Milliseconds for a request without a valid timeout header (> 0, at most `maxTimeoutMs`). Default: `maxTimeoutMs`.
   */
  readonly defaultTimeoutMs?: number | undefined;
  /**
   * The highest priority (finite) that a request may claim; a lower claim always counts. A request without a valid claim has
   * 0, or this if it is lower. Default: the claim is ignored.
   */
  readonly maxPriority?: number | undefined;
}

const INBOUND_LIMITS = /* @__PURE__ */ optionNames<InboundLimits>({
  maxTimeoutMs: true,
  defaultTimeoutMs: true,
  maxPriority: true,
});

/**
 * Reads the options of a `RequestContext` from the headers of a request, within `limits`. `x-request-timeout-ms` takes
 * precedence over `grpc-timeout`. A header that appears twice counts as invalid.
 *
 * @throws TypeError or RangeError naming the limit that is wrong; never because of a header.
 */
export function readContextOptions(
  headers: HeaderSource,
  limits: InboundLimits,
): RequestContextOptions & { readonly timeoutMs: number } {
  checkOptions(limits, INBOUND_LIMITS);
  const maxTimeoutMs = checkTimeout('maxTimeoutMs', checkPositive('maxTimeoutMs', limits.maxTimeoutMs));
  const defaultTimeoutMs = checkPositive('defaultTimeoutMs', limits.defaultTimeoutMs ?? maxTimeoutMs);
  if (defaultTimeoutMs > maxTimeoutMs) {
    throw new RangeError(
      `defaultTimeoutMs must be at most maxTimeoutMs = ${maxTimeoutMs}, got ${defaultTimeoutMs}`,
    );
  }
  const claimedMs =
    readHeader(headers, TIMEOUT_HEADER, parseTimeoutMs) ??
    readHeader(headers, GRPC_TIMEOUT_HEADER, parseGrpcTimeoutMs);
  const timeoutMs = Math.min(claimedMs ?? defaultTimeoutMs, maxTimeoutMs);
  if (limits.maxPriority === undefined) return { timeoutMs };
  const maxPriority = checkPriority('maxPriority', limits.maxPriority);
  const priority = readHeader(headers, PRIORITY_HEADER, parsePriority) ?? 0;
  return { timeoutMs, priority: Math.min(priority, maxPriority) };
}

/** Reads the number of the attempt, from 1; 1 if the header is absent or invalid. */
export function readAttempt(headers: HeaderSource): number {
  return readHeader(headers, ATTEMPT_HEADER, parseAttempt) ?? 1;
}

/** Options of {@link contextHeaders}. */
export interface OutboundOptions {
  /** Milliseconds kept back for the network (>= 0). Default: 10. */
  readonly marginMs?: number | undefined;
  /** The number of the attempt, from 1; more than 999 is sent as 999. Default: no header. */
  readonly attempt?: number | undefined;
  /** Whether the timeout is sent as `grpc-timeout`. Default: false. */
  readonly grpc?: boolean | undefined;
}

const OUTBOUND_OPTIONS = /* @__PURE__ */ optionNames<OutboundOptions>({
  marginMs: true,
  attempt: true,
  grpc: true,
});

/** The part of a context that goes out with a call; a `RequestContext` is one. */
export interface OutboundContext {
  readonly priority: number;
  remainingMs(): number;
}

/**
 * Makes the headers that hand `ctx` on to the next service: the remaining time less the margin (at least 0; no header without
 * a deadline), the priority unless it is 0 (a fraction is rounded down, so that it never grows on the way), and the attempt.
 *
 * @throws TypeError or RangeError naming the option that is wrong.
 */
export function contextHeaders(ctx: OutboundContext, options: OutboundOptions = {}): Record<string, string> {
  const { marginMs = DEFAULT_MARGIN_MS, attempt, grpc } = checkOptions(options, OUTBOUND_OPTIONS);
  checkNonNegative('marginMs', marginMs);
  if (attempt !== undefined) checkInteger('attempt', attempt);
  return wireHeaders({ remainingMs: ctx.remainingMs(), marginMs, priority: ctx.priority, attempt, grpc });
}
