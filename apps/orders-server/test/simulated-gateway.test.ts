import { VirtualClock } from '@bp/core/testing';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { buildSimulatedGateway, type SimulatedGatewayOptions } from '../src/simulated-gateway.ts';

function build(options: Partial<SimulatedGatewayOptions> = {}): {
  gateway: FastifyInstance;
  clock: VirtualClock;
} {
  const clock = new VirtualClock();
  const gateway = buildSimulatedGateway({ latencyMs: 50, capacity: 2, failureRate: 0, clock, ...options });
  onTestFinished(() => gateway.close());
  return { gateway, clock };
}

const pay = (gateway: FastifyInstance, key: string) =>
  gateway.inject({
    method: 'POST',
    url: '/payments',
    headers: { 'idempotency-key': key },
    payload: { orderId: 'order-1', amount: 100 },
  });

const control = async (gateway: FastifyInstance) => (await gateway.inject('/control')).json();

describe('the simulated gateway', () => {
  it('answers a payment after its latency', async () => {
    const { gateway, clock } = build();
    let answered = false;
    const answer = pay(gateway, 'a').then((response) => {
      answered = true;
      return response;
    });
    await expect.poll(async () => (await control(gateway)).active).toBe(1);
    await clock.advance(49);
    expect(answered).toBe(false);
    await clock.advance(1);
    expect((await answer).json()).toEqual({ paymentId: 'payment-1' });
  });

  it('charges once per idempotency key', async () => {
    const { gateway } = build({ latencyMs: 0, clock: undefined });
    expect((await pay(gateway, 'a')).json()).toEqual({ paymentId: 'payment-1' });
    expect((await pay(gateway, 'b')).json()).toEqual({ paymentId: 'payment-2' });
    expect((await pay(gateway, 'a')).json()).toEqual({ paymentId: 'payment-1' });
    expect(await control(gateway)).toMatchObject({ charged: 2 });
  });

  it('answers 503 beyond its capacity, at once', async () => {
    const { gateway, clock } = build();
    const both = [pay(gateway, 'a'), pay(gateway, 'b')];
    await expect.poll(async () => (await control(gateway)).active).toBe(2);
    expect((await pay(gateway, 'c')).statusCode).toBe(503);
    await clock.advance(50);
    expect((await Promise.all(both)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
  });

  it('fails its share of the payments and charges nothing for them', async () => {
    const chances = [0.1, 0.6, 0.4];
    const random = () => chances.shift() ?? 1;
    const { gateway } = build({ latencyMs: 0, failureRate: 0.5, clock: undefined, random });
    expect((await pay(gateway, 'a')).statusCode).toBe(500);
    expect((await pay(gateway, 'a')).statusCode).toBe(200);
    expect((await pay(gateway, 'b')).statusCode).toBe(500);
    expect(await control(gateway)).toMatchObject({ charged: 1 });
  });

  it('changes its behaviour on request', async () => {
    const { gateway } = build();
    const put = (payload: object) => gateway.inject({ method: 'PUT', url: '/control', payload });
    expect((await put({ latencyMs: 7, failureRate: 1 })).json()).toEqual({
      latencyMs: 7,
      capacity: 2,
      failureRate: 1,
      active: 0,
      charged: 0,
    });
    expect((await put({ latencyMs: -1 })).statusCode).toBe(400);
    expect((await put({ speed: 1 })).statusCode).toBe(400);
    expect(await control(gateway)).toMatchObject({ latencyMs: 7 });
  });
});
