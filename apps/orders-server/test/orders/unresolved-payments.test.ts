import { expect, it } from 'vitest';
import type { PaymentResult } from '../../src/orders/payment-gateway.ts';
import { PaymentError } from '../../src/orders/payment-gateway.ts';
import { build, unavailable } from './payments-harness.ts';

const paid: PaymentResult = { state: 'paid', paymentId: 'payment-1' };
const lost = () => new Error('socket hang up');

it('an order whose attempts all timed out is unresolved, not failed', async () => {
  const { clock, store, gateway, breaker, pay } = build();
  gateway.latencyMs = 60_000;
  const paying = pay();
  await clock.advance(10_000);
  expect(gateway.calls).toHaveLength(3);
  expect((await paying).order).toMatchObject({ state: 'unresolved', reason: 'payment timed out' });
  expect(store.setbacks).toEqual(Array(2).fill({ reason: 'payment timed out', mayBeCharged: true }));
  expect(breaker.stats().consecutiveFailures).toBe(3);
});

it.each([
  ['ended without an answer', lost],
  ['ended with an answer that says nothing', () => new PaymentError('no paymentId', { mayBeCharged: true })],
])('an order whose attempts all %s is unresolved', async (_how, failure) => {
  const { clock, gateway, pay } = build();
  gateway.answer = failure;
  const paying = pay();
  await clock.advance(10_000);
  expect((await paying).order).toMatchObject({ state: 'unresolved', reason: 'payment answer lost' });
});

it('one attempt without an answer leaves the order unresolved, whatever failed before and after', async () => {
  for (const ambiguous of [1, 2, 3]) {
    const { clock, gateway, pay } = build();
    gateway.answer = () => (gateway.calls.length === ambiguous ? lost() : unavailable());
    const paying = pay();
    await clock.advance(10_000);
    expect(gateway.calls).toHaveLength(3);
    expect((await paying).order).toMatchObject({ state: 'unresolved', reason: 'payment answer lost' });
  }
});

it.each([
  ['paid', paid, { state: 'paid', paymentId: 'payment-1', reason: undefined }],
  ['declined', { state: 'declined', reason: 'payment rejected with 402' }, { state: 'failed' }],
] as const)('a later answer %s for the same payment key resolves it', async (_answer, answer, outcome) => {
  const { clock, gateway, pay } = build();
  gateway.answer = () => (gateway.calls.length < 2 ? lost() : answer);
  const paying = pay();
  await clock.advance(10_000);
  expect((await paying).order).toMatchObject(outcome);
  expect(gateway.calls).toHaveLength(2);
});

it('an answer that the gateway did not process the attempt resolves nothing', async () => {
  const { clock, gateway, pay } = build();
  gateway.answer = () =>
    gateway.calls.length < 2 ? lost() : { state: 'rejected', reason: 'payment rejected with 401' };
  const paying = pay();
  await clock.advance(10_000);
  expect((await paying).order).toMatchObject({ state: 'unresolved', reason: 'payment answer lost' });
});

it('an order that ran out of time behind an open breaker stays unresolved', async () => {
  const { clock, gateway, pay } = build({ failuresToOpen: 1 });
  gateway.answer = lost;
  const paying = pay({ timeoutMs: 30_000 });
  await clock.advance(30_000);
  expect(gateway.calls).toHaveLength(1);
  expect((await paying).order).toMatchObject({ state: 'unresolved', reason: 'payment answer lost' });
});

it('an attempt that waited for a permit until its timeout cannot have charged', async () => {
  const { clock, gateway, pay } = build({ limit: 1, maxAttempts: 1 });
  gateway.latencyMs = 60_000;
  const running = pay({ timeoutMs: 400 });
  const waiting = pay({ timeoutMs: 350 });
  await clock.advance(10_000);
  expect((await running).order).toMatchObject({ state: 'unresolved' });
  expect((await waiting).order).toMatchObject({ state: 'failed', reason: 'payment gateway not available' });
  expect(gateway.calls).toHaveLength(1);
});
