import { VirtualClock } from '@bp/core/testing';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { onTestFinished } from 'vitest';
import { type BackpressureOptions, backpressure, type LoadSource } from '../src/index.ts';

/** A server on a virtual clock, without chance, closed when the test ends; it must leave no timer behind. */
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

/** A source whose answers a test sets. */
export class FakeSource implements LoadSource {
  waitMs = 0;
  hasRoom = true;
  retryMs: number | undefined;

  estimatedWaitMs(): number {
    return this.waitMs;
  }

  retryAfterMs(): number | undefined {
    return this.retryMs;
  }

  check(): boolean {
    return this.hasRoom;
  }
}

/** Loop time as a test sets it. */
export class FakeLoop {
  idle = 0;
  active = 0;
  readonly read = (): { idle: number; active: number } => ({ idle: this.idle, active: this.active });
}

/** A promise and what settles it. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
