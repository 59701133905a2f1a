import { Socket } from 'node:net';
import { RequestContext, type RequestContextOptions } from '@bp/context';
import type { Clock } from '@bp/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { RequestCounts } from '../gates/load/loop-load.ts';
import type { BackpressureStats } from '../stats.ts';

/** Counts requests, and gives each admitted one a context that ends with its response or its connection. */
export class ActiveRequests implements RequestCounts {
  readonly #clock: Clock;
  readonly #bySocket = new WeakMap<Socket, Set<() => void>>();
  #active = 0;
  #admitted = 0;
  #disconnected = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get active(): number {
    return this.#active;
  }

  get completed(): number {
    return this.#admitted - this.#active;
  }

  stats(): Pick<BackpressureStats, 'active' | 'admitted' | 'disconnected'> {
    return { active: this.#active, admitted: this.#admitted, disconnected: this.#disconnected };
  }

  /** Counts a request whose client left before it was admitted. */
  left(): void {
    this.#disconnected++;
  }

  /** The context of an admitted request. It is cancelled when the client leaves and ends with the response. */
  begin(
    { raw: { socket } }: FastifyRequest,
    { raw: response }: FastifyReply,
    { deadline, priority, key }: Pick<RequestContextOptions, 'deadline' | 'priority' | 'key'>,
  ): RequestContext {
    const context = new RequestContext({ deadline, priority, key, clock: this.#clock });
    // After pipelined requests and an upgrade the responses that are queued never emit `close`; only the socket does.
    const requests = socket instanceof Socket ? this.#requestsOf(socket) : undefined;
    this.#admitted++;
    this.#active++;
    let ended = false;
    const end = (answered: boolean): void => {
      if (ended) return;
      ended = true;
      requests?.delete(onSocketClose);
      this.#active--;
      if (!answered) {
        this.#disconnected++;
        context.cancel('caller-gone');
      }
      context.end();
    };
    const onSocketClose = (): void => end(response.writableFinished);
    requests?.add(onSocketClose);
    // The request itself closes as soon as its body has been read, so the response is watched.
    response.on('close', () => end(response.writableEnded));
    return context;
  }

  /** The active requests of a connection, as functions that end them. One listener serves all of them. */
  #requestsOf(socket: Socket): Set<() => void> {
    let requests = this.#bySocket.get(socket);
    if (requests === undefined) {
      const created = new Set<() => void>();
      socket.once('close', () => {
        for (const end of created) end();
      });
      this.#bySocket.set(socket, created);
      requests = created;
    }
    return requests;
  }
}
