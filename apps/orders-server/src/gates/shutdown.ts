import type { Clock } from '@bp/core';
import type { Gate, Refusals } from './refusals.ts';

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

/** 503 for orders that come while the server drains; `Retry-After` is when it is gone and its successor answers. */
export function shutdownGate(shutdown: Shutdown, refusals: Refusals): Gate {
  return (request, reply, done) => {
    if (!shutdown.begun) return done();
    refusals.send('shuttingDown', request, reply, shutdown.leftMs());
  };
}
