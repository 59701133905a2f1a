import { isRejected } from '@bp/core';

/** The codes of Node and undici for a connection that was not made, so that nothing was sent. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Causes deeper than this are not examined. */
const MAX_DEPTH = 5;

interface Failure {
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/**
 * Returns whether an attempt that ended with `error` may have had an effect on the other side. False only if the call
 * certainly did not reach it: a primitive rejected it before the work began, or no connection could be made.
 *
 * A reset connection, a truncated or malformed answer and a time-out are ambiguous, so this returns true for them and for
 * every unknown error. Repeat such an attempt only with an idempotency key, and do not report it as a failure.
 */
export function mayHaveTakenEffect(error: unknown): boolean {
  if (isRejected(error)) return error.workBegan;
  return !wasNotConnected(error, MAX_DEPTH);
}

function wasNotConnected(error: unknown, depth: number): boolean {
  if (typeof error !== 'object' || error === null || depth === 0) return false;
  const { code, cause, errors } = error as Failure;
  // One error for each address that was tried.
  if (Array.isArray(errors) && errors.length > 0) {
    return errors.every((each) => wasNotConnected(each, depth - 1));
  }
  return (typeof code === 'string' && NOT_CONNECTED.has(code)) || wasNotConnected(cause, depth - 1);
}
