import type { Server } from 'node:http';
import { systemClock } from '@bp/core';

/** Turns of the event loop without a new connection after which the accept queue counts as empty. */
const QUIET_TURNS = 3;

/**
 * Waits until the kernel's accept queue of a listening server is empty, at most `withinMs` milliseconds: closing the server resets every
 * connection in it. It takes real turns of the event loop, also on a virtual clock.
 */
export async function drainAcceptQueue(server: Server, withinMs: number): Promise<void> {
  if (!server.listening) return;
  let quiet = 0;
  const onConnection = (): void => {
    quiet = 0;
  };
  server.on('connection', onConnection);
  const end = systemClock.now() + withinMs;
  while (quiet < QUIET_TURNS && systemClock.now() < end) {
    await new Promise<void>((resolve) => systemClock.nextTurn(resolve));
    quiet++;
  }
  server.off('connection', onConnection);
}
