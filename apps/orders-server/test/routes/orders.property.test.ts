import fc from 'fast-check';
import { expect, it } from 'vitest';
import { build } from '../build.ts';

const roomy = { WORKERS: '100', QUEUE_CAPACITY: '1000', RATE_LIMIT_BURST: '1000' };
const idPattern = /^[A-Za-z0-9._:-]{1,64}$/;

const orderId = fc.oneof(
  fc.string({ maxLength: 70 }),
  fc.stringMatching(/^[A-Za-z0-9._:-]{1,66}$/),
  fc.jsonValue(),
);
const amount = fc.oneof(
  fc.double({ noDefaultInfinity: true, noNaN: true }),
  fc.integer({ min: -5, max: 110_000_000_000 }).map((cents) => cents / 100),
  fc.jsonValue(),
);
// Fastify rejects bodies that would set a prototype.
const harmless = (value: unknown) => !/__proto__|constructor/.test(JSON.stringify(value));
const body = fc
  .record({ orderId, amount, extra: fc.jsonValue() }, { requiredKeys: [], noNullPrototype: true })
  .filter(harmless);

/** The documented rule for an amount, on its decimal digits. */
function isAmount(value: unknown): boolean {
  if (typeof value !== 'number' || !(value > 0) || value > 1e9) return false;
  return Number(value.toFixed(2)) === value;
}

it('accepts exactly the documented bodies, and answers every other with a 400 that has a message', async () => {
  const { app } = await build(roomy);
  let users = 0;
  await fc.assert(
    fc.asyncProperty(body, async (payload) => {
      const response = await app.inject({
        method: 'POST',
        url: '/api/orders',
        headers: { 'x-user-id': `user-${++users}`, 'content-type': 'application/json' },
        payload: JSON.stringify(payload),
      });
      const idIsValid = !('orderId' in payload) || idPattern.test(String(payload.orderId));
      const isValid =
        isAmount(payload.amount) && idIsValid && ['string', 'undefined'].includes(typeof payload.orderId);
      expect([response.statusCode, response.body]).toEqual([isValid ? 202 : 400, expect.any(String)]);
      if (isValid)
        expect(response.json()).toEqual({
          message: 'Order queued',
          orderId: payload.orderId ?? expect.stringMatching(idPattern),
          queueSize: expect.any(Number),
        });
      else expect(response.json()).toEqual({ error: 'Bad Request', message: expect.stringMatching(/./) });
    }),
    { numRuns: 400 },
  );
});
