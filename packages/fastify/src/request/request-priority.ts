import type { IncomingHttpHeaders } from 'node:http';
import { PRIORITY_HEADER, parsePriority, readHeader } from '@bp/core/kit';

/** The urgency (RFC 9218) of a request without a `Priority` header. */
const DEFAULT_URGENCY = 3;

/** How far one step of urgency lowers a priority: all four steps stay below 1, the distance between two tiers. */
const STEP = 0.2;

// A dictionary of structured fields: members separated by commas, each with optional parameters; the last `u` wins.
const URGENCY = /(?:^|,)[ \t]*u=([0-7])[ \t]*(?=[,;]|$)/g;

/**
 * How far a `Priority` header (RFC 9218) lowers the priority of its request: 0 for an urgency of 0 to 3 or an invalid header, up to
 * 0.8 for urgency 7. A client can lower its own priority, but not raise it.
 */
function lowering(header: string | readonly string[] | undefined): number {
  if (header === undefined) return 0;
  let urgency = DEFAULT_URGENCY;
  for (const [, digit] of String(header).matchAll(URGENCY)) urgency = Number(digit);
  return Math.max(0, urgency - DEFAULT_URGENCY) * STEP;
}

/**
 * The priority of a request: at most `highest`, the priority of its tier and route, and lower if `x-request-priority`, in which a
 * service passes on the priority of its own caller, or `Priority` ask for less.
 */
export function requestPriority(headers: IncomingHttpHeaders, highest: number): number {
  const passedOn = readHeader(headers, PRIORITY_HEADER, parsePriority) ?? highest;
  return Math.min(highest, passedOn) - lowering(headers.priority);
}
