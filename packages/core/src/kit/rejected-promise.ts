import type { RejectedError } from '../rejected-error.ts';

/**
 * A promise that `rejection` rejects one microtask later, when the caller has attached its handlers. A promise that is
 * rejected from the start costs three times as much: the platform first takes it for unhandled.
 */
export function rejectedPromise(rejection: RejectedError): Promise<never> {
  return new Promise((_, reject) => {
    Promise.resolve().then(() => reject(rejection));
  });
}
