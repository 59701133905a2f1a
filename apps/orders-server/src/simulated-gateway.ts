import { type Clock, systemClock } from '@bp/core';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Config } from './config.ts';

/** Behaviour of the gateway: latency of a payment in milliseconds, payments handled at once, share of payments that fail. */
export interface GatewayBehaviour {
  readonly latencyMs: number;
  readonly capacity: number;
  readonly failureRate: number;
}

/** Options of {@link buildSimulatedGateway}. Clock and random numbers are injected by tests. */
export interface SimulatedGatewayOptions extends GatewayBehaviour {
  readonly clock?: Clock | undefined;
  readonly random?: (() => number) | undefined;
}

const change = Type.Partial(
  Type.Object({
    latencyMs: Type.Integer({ minimum: 0, maximum: 600_000 }),
    capacity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    failureRate: Type.Number({ minimum: 0, maximum: 1 }),
  }),
  { additionalProperties: false },
);
const paymentBody = Type.Object(
  {
    orderId: Type.String({ minLength: 1, maxLength: 64 }),
    amount: Type.Integer({ minimum: 1 }),
  },
  { additionalProperties: false },
);
const paymentHeaders = Type.Object({ 'idempotency-key': Type.String({ minLength: 1, maxLength: 64 }) });

/** Idempotency keys remembered; beyond that the oldest is evicted. */
const MAX_KEYS = 100_000;

class Ledger {
  readonly #payments = new Map<string, string>();
  #charged = 0;

  get charged(): number {
    return this.#charged;
  }

  charge(key: string): string {
    const known = this.#payments.get(key);
    if (known !== undefined) return known;
    const paymentId = `payment-${++this.#charged}`;
    this.#payments.set(key, paymentId);
    const [oldest] = this.#payments.keys();
    if (this.#payments.size > MAX_KEYS && oldest !== undefined) this.#payments.delete(oldest);
    return paymentId;
  }
}

/**
 * Builds a payment gateway that moves no money, for development and tests. `POST /payments` takes `latencyMs`, answers 503
 * while `capacity` payments are in flight and 500 to `failureRate` of them, and charges once per `Idempotency-Key`.
 * `GET /control` returns its behaviour, `PUT /control` changes it.
 */
export function buildSimulatedGateway(options: SimulatedGatewayOptions): FastifyInstance {
  const { clock = systemClock, random = Math.random, latencyMs, capacity, failureRate } = options;
  const app = fastify({
    forceCloseConnections: true,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
  });
  const ledger = new Ledger();
  let behaviour: GatewayBehaviour = { latencyMs, capacity, failureRate };
  let active = 0;

  app.post<{ Body: Static<typeof paymentBody>; Headers: Static<typeof paymentHeaders> }>(
    '/payments',
    { schema: { body: paymentBody, headers: paymentHeaders } },
    async (request, reply) => {
      if (active >= behaviour.capacity) return reply.code(503).send({ error: 'Gateway at capacity' });
      active++;
      // Like a real gateway, it goes on when the caller disconnects.
      await new Promise<void>((resolve) =>
        clock.setTimer(resolve, behaviour.latencyMs, { keepAlive: false }),
      );
      active--;
      if (random() < behaviour.failureRate) return reply.code(500).send({ error: 'Payment failed' });
      return { paymentId: ledger.charge(request.headers['idempotency-key']) };
    },
  );

  const state = () => ({ ...behaviour, active, charged: ledger.charged });
  app.get('/control', state);
  app.put<{ Body: Static<typeof change> }>('/control', { schema: { body: change } }, ({ body }) => {
    behaviour = { ...behaviour, ...body };
    return state();
  });
  return app;
}

/** Starts a simulated gateway on the loopback address, because its control endpoint has no access check. Returns its origin. */
export async function startSimulatedGateway(config: Config, log: FastifyBaseLogger): Promise<string> {
  const app = buildSimulatedGateway({
    latencyMs: config.GATEWAY_LATENCY_MS,
    capacity: config.GATEWAY_CAPACITY,
    failureRate: config.GATEWAY_FAILURE_RATE,
  });
  const url = await app.listen({ port: config.GATEWAY_PORT, host: '127.0.0.1' });
  log.warn({ gateway: url }, 'no PAYMENT_URL: payments are simulated, no money moves');
  return url;
}
