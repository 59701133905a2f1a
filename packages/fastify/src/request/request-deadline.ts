import type { IncomingHttpHeaders } from 'node:http';
import {
  GRPC_TIMEOUT_HEADER,
  parseGrpcTimeoutMs,
  parseTimeoutMs,
  readHeader,
  TIMEOUT_HEADER,
} from '@bp/core/kit';
import type { ResolvedDeadlineOptions } from '../gates/deadline-options.ts';

/** The deadline of a request that is read at `now`, from its headers; undefined if it has none and there is no default. */
export function requestDeadline(
  headers: IncomingHttpHeaders,
  { defaultMs, maxMs }: ResolvedDeadlineOptions,
  now: number,
): number | undefined {
  const timeoutMs =
    readHeader(headers, TIMEOUT_HEADER, parseTimeoutMs) ??
    readHeader(headers, GRPC_TIMEOUT_HEADER, parseGrpcTimeoutMs) ??
    defaultMs;
  return timeoutMs === undefined ? undefined : now + Math.min(timeoutMs, maxMs);
}
