import type { Clock } from '@bp/core';
import type { Gate, Refusals, Refuse } from './refusals.ts';

/** Whether the server is leaving, and when it will be gone at the latest. */
export class Shutdown {
  readonly #clock: Clock;
  #deadline: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get begun(): boolean {
    return this.#deadline !== undefined;
  }

  /** Begins once; the first deadline stands. Returns it. */
  begin(graceMs: number): number {
    this.#deadline ??= this.#clock.now() + graceMs;
    return this.#deadline;
  }

  /** Milliseconds until the server is gone at the latest. */
  leftMs(): number {
    return this.#deadline === undefined ? 0 : Math.max(0, this.#deadline - this.#clock.now());
  }
}

/** `Retry-After` is when this server is gone, and another answers in its place. */
export function leavingRefusal(shutdown: Shutdown, refusals: Refusals): Refuse {
  return (request, reply) => refusals.send('shuttingDown', request, reply, shutdown.leftMs());
}

/** 503 for orders that come while the server drains. */
export function shutdownGate(shutdown: Shutdown, refuse: Refuse): Gate {
  return (request, reply, done) => (shutdown.begun ? refuse(request, reply) : done());
}
