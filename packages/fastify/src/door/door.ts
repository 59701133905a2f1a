import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Guard, type Keeper } from './guard.ts';

/**
 * Stands before Node's HTTP server on every connection, because where requests begin is known only to whoever has seen all of them.
 * To read a request through the server and answer it costs several times what reading and answering it on the socket does;
 * where most requests are rejected, the difference is what is left for the others.
 */
export function standBefore(server: Server, keeper: Keeper): void {
  const guards = new WeakMap<Socket, Guard>();
  server.on('connection', (socket: Socket) => {
    const guard = Guard.on(socket, keeper, () => guards.delete(socket));
    if (guard !== undefined) guards.set(socket, guard);
  });
  // A guard must know when the requests that it let in have been answered.
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    guards.get(socket)?.entered(response);
  });
}
