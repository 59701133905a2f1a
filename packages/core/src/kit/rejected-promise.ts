/**
 * Returns a promise that `error` rejects one microtask later, when the caller has attached its handlers. A promise that is
 * rejected from the start costs more: the platform first registers it as unhandled.
 */
export function rejectedPromise(error: Error): Promise<never> {
  return new Promise((_, reject) => {
    Promise.resolve().then(() => reject(error));
  });
}
