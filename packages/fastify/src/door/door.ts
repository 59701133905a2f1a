import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Guard, type Keeper } from './guard.ts';

/**
 * Stands before Node's HTTP server on connections that were opened, or had a request refused, while requests are refused. To read a request through the
 * server and answer it costs several times what reading and answering it on the socket does; where most requests are
 * refused, the difference is what is left for the others.
 */
export class Door {
  readonly #guards = new WeakMap<Socket, Guard>();
  readonly #keeper: Keeper;

  constructor(server: Server, keeper: Keeper) {
    this.#keeper = keeper;
    // A guard must know when the requests that it let in have been answered.
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#guards.get(request.socket)?.entered(request, response);
    });
    server.on('connection', (socket: Socket) => {
      if (keeper.isNeeded) this.#guard(socket, undefined);
    });
  }

  /** `request` has been refused by the server; those that follow it on its connection are judged at the door. */
  guard(request: IncomingMessage, response: ServerResponse): void {
    if (this.#guards.has(request.socket)) return;
    this.#guard(request.socket, request)?.entered(request, response);
  }

  #guard(socket: Socket, request: IncomingMessage | undefined): Guard | undefined {
    const guard = Guard.on(socket, request, this.#keeper, () => this.#guards.delete(socket));
    if (guard !== undefined) this.#guards.set(socket, guard);
    return guard;
  }
}
