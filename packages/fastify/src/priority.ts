import type { IncomingHttpHeaders } from 'node:http';
import { PRIORITY_HEADER } from '@bp/context';

/** The urgency (RFC 9218) of a request that does not say: the highest a request can be worth here. */
const DEFAULT_URGENCY = 3;

/** How far one step of urgency lowers a priority: all four together stay below 1, the distance between two tiers. */
const STEP = 0.2;

// A dictionary of structured fields: members apart by commas, each perhaps with parameters, the last `u` wins.
const URGENCY = /(?:^|,)[ \t]*u=([0-7])[ \t]*(?=[,;]|$)/g;

/**
 * By how much a `Priority` header (RFC 9218) lowers the priority of its request: 0 for an urgency of 0 to 3 or a
 * header that says nothing or cannot be read, up to 0.8 for 7, background. A client can give way; it cannot push.
 */
function lowering(header: string | readonly string[] | undefined): number {
  if (header === undefined) return 0;
  let urgency = DEFAULT_URGENCY;
  for (const [, digit] of String(header).matchAll(URGENCY)) urgency = Number(digit);
  return Math.max(0, urgency - DEFAULT_URGENCY) * STEP;
}

/**
 * The priority of a request whose client is worth `highest`: no more, whatever it says; less if `x-request-priority`, by
 * which services hand on what their own caller was worth, or its `Priority` header asks for less.
 */
export function priorityOf(headers: IncomingHttpHeaders, highest: number): number {
  const handedOn = headers[PRIORITY_HEADER];
  const { priority } = headers;
  const wanted =
    typeof handedOn === 'string' && /^-?\d{1,6}$/.test(handedOn)
      ? Math.min(highest, Number(handedOn))
      : highest;
  return priority === undefined ? wanted : wanted - lowering(priority);
}
