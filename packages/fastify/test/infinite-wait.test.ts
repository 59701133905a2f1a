import { describe, expect, it } from 'vitest';
import { build, FakeSource } from './harness.ts';

describe('a source whose wait never ends', () => {
  it('rejects a request with a deadline as overload, without Retry-After', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source] }, deadline: {} });
    app.get('/', () => 'ok');
    source.waitMs = Number.POSITIVE_INFINITY;
    const send = (ms: string) => app.inject({ url: '/', headers: { 'x-request-timeout-ms': ms } });
    const response = await send('5000');
    expect([response.statusCode, response.body]).toEqual([503, '{"error":"Service overloaded"}']);
    expect((await send('5')).statusCode, 'too little time even without the wait').toBe(504);
  });

  it('leaves the pressure finite', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source] } });
    source.waitMs = Number.POSITIVE_INFINITY;
    const { pressure } = app.backpressure.stats();
    expect(pressure).toBeGreaterThan(1);
    expect(pressure).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

describe('a request that meets exactly the limit', () => {
  it('is rejected with a wait above 0', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source], maxWaitMs: 100 } });
    app.get('/', () => 'ok');
    const waits: (number | undefined)[] = [];
    app.backpressure.onRejected(({ rejection }) => waits.push(rejection.retryAfterMs));
    source.waitMs = 100;
    await app.inject('/');
    expect(waits[0]).toBeGreaterThan(0);
  });
});
