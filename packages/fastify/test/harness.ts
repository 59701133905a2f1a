import type { RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { onTestFinished } from 'vitest';
import { type BackpressureOptions, backpressure, type LoadSource } from '../src/index.ts';

/** A server on a virtual clock and without randomness. It is closed when the test ends and must leave no timer behind. */
export async function build(
  options: BackpressureOptions,
  server: FastifyServerOptions = {},
): Promise<{ app: FastifyInstance; clock: VirtualClock }> {
  const clock = new VirtualClock(1000);
  const app = Fastify(server);
  await app.register(backpressure, { clock, random: () => 0, ...options });
  onTestFinished(async () => {
    await app.close();
    if (clock.pendingTimers !== 0) throw new Error(`${clock.pendingTimers} timers left after close`);
  });
  return { app, clock };
}

/** A source with an estimated wait that a test sets, and no bound of its own. */
export class FakeSource implements LoadSource {
  waitMs: number | undefined = 0;

  estimatedWaitMs(): number | undefined {
    return this.waitMs;
  }
}

/** A source that bounds itself: it rejects with what a test sets. */
export class FakeLimiter extends FakeSource {
  readonly name = 'limiter';
  rejection: RejectedError | undefined;

  check(): RejectedError | undefined {
    return this.rejection;
  }
}

/** Event loop time that a test sets. */
export class FakeLoop {
  idle = 0;
  active = 0;
  readonly read = (): { idle: number; active: number } => ({ idle: this.idle, active: this.active });
}

/** A promise and the function that resolves it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
