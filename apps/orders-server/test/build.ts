import { Writable } from 'node:stream';
import type { CallContext, Clock } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { buildApp, type OrdersServer } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import type { Order, OrderOutcome } from '../src/orders/order.ts';
import type { OrderStore } from '../src/orders/order-store.ts';
import type { PaymentGateway } from '../src/orders/payment-gateway.ts';

export const validOrder = { item: 'book-1', quantity: 2, amount: 3998 };

/** A line of the log, as far as tests look at it. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A gateway on the virtual clock: takes `latencyMs`, then pays, or fails while `failing`. */
export class SlowGateway implements PaymentGateway {
  latencyMs = 100;
  failing = false;
  charged = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  charge(_order: Order, ctx: CallContext): Promise<OrderOutcome> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        if (this.failing) reject(new Error('the gateway fails'));
        else resolve({ state: 'paid', paymentId: `payment-${++this.charged}` });
      }, this.latencyMs);
      ctx.onDone?.((reason) => {
        timer.cancel();
        reject(reason);
      });
    });
  }

  async close(): Promise<void> {}
}

/** What {@link build} returns. */
export interface Built extends OrdersServer {
  readonly clock: VirtualClock;
  readonly gateway: SlowGateway;
  readonly lines: readonly LogLine[];
  /** Posts a valid order as `user`; without one, each call is another user. */
  order(user?: string): ReturnType<typeof postOrder>;
}

let users = 0;

/** Posts a valid order through Fastify's `inject`. */
export function postOrder(app: FastifyInstance, user = `user-${++users}`) {
  const headers = { 'x-user-id': user };
  return app.inject({ method: 'POST', url: '/api/orders', headers, payload: validOrder });
}

/** The app on a virtual clock, as the environment `env` configures it; closed when the test is over. */
export async function build(
  env: Readonly<Record<string, string>> = {},
  { store }: { readonly store?: OrderStore } = {},
): Promise<Built> {
  const clock = new VirtualClock();
  const gateway = new SlowGateway(clock);
  const lines: LogLine[] = [];
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(line.toString()) as LogLine);
      done();
    },
  });
  const server = await buildApp(loadConfig(env), {
    gateway,
    log: pino(stream),
    clock,
    random: () => 0,
    store,
  });
  await server.app.ready();
  onTestFinished(() => server.app.close());
  return { ...server, clock, gateway, lines, order: (user) => postOrder(server.app, user) };
}
