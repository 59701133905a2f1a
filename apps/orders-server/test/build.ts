import { Writable } from 'node:stream';
import type { CallContext, Clock } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { buildApp, type OrdersServer } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import type { Order } from '../src/orders/order.ts';
import type { OrderStore } from '../src/orders/order-store.ts';
import { PaymentError, type PaymentGateway, type PaymentResult } from '../src/orders/payment-gateway.ts';

/** An order whose id the server generates. */
export const validOrder = { amount: 39.98 };

/** A line of the log, as far as tests look at it. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A gateway on the virtual clock: takes `latencyMs`, then charges, or answers 503 while `failing`. */
export class SlowGateway implements PaymentGateway {
  latencyMs = 100;
  failing = false;
  charged = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  charge(_order: Order, ctx: CallContext): Promise<PaymentResult> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(() => {
        if (this.failing) reject(new PaymentError('the gateway answers 503', { mayBeCharged: false }));
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
  /** Posts an order as `user`; without one, each call is another user. */
  order(user?: string, payload?: object): ReturnType<typeof postOrder>;
  /** Reads an order as `user`. */
  read(orderId: string, user: string): ReturnType<typeof postOrder>;
}

let users = 0;

/** Posts an order through Fastify's `inject`. */
export function postOrder(app: FastifyInstance, user = `user-${++users}`, payload: object = validOrder) {
  const headers = { 'x-user-id': user };
  return app.inject({ method: 'POST', url: '/api/orders', headers, payload });
}

/** Builds the app on a virtual clock with the environment `env`; closes it after the test. */
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
  return {
    ...server,
    clock,
    gateway,
    lines,
    order: (user, payload) => postOrder(server.app, user, payload),
    read: (orderId, user) =>
      server.app.inject({ url: `/api/orders/${orderId}`, headers: { 'x-user-id': user } }),
  };
}
