import type { RunningServer } from './run.ts';

/** A guess, for loads before the capacity has been measured. */
export const USUAL_CAPACITY = 400;

/**
 * Has the server do and reject work until its code is compiled. A server that has just been started spends a tenth of its CPU on
 * that, the more the more code it has; it is not what a server is like that has run for a minute.
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
