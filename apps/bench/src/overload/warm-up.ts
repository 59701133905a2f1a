import type { RunningServer } from './run.ts';

/** Requests a second: a guess, used before the capacity is measured. */
export const USUAL_CAPACITY = 400;

/**
 * Makes the server serve and reject until its code is compiled. A server that has just started spends a tenth of its CPU on
 * compiling; one that has run for a minute does not.
 */
export async function warmUp(server: RunningServer, seconds = 10): Promise<void> {
  await server.load(
    [
      { rate: USUAL_CAPACITY / 2, seconds: seconds * 0.4 },
      { rate: USUAL_CAPACITY * 3, seconds: seconds * 0.6 },
    ],
    99,
  );
}
