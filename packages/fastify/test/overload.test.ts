import { describe, expect, it } from 'vitest';
import type { OverloadChange } from '../src/index.ts';
import { build, FakeSource } from './harness.ts';

describe('an overload', () => {
  it('notifies with its first rejection and a second after its last', async () => {
    const source = new FakeSource();
    const { app, clock } = await build({ load: { sources: [source] } });
    app.get('/', () => 'ok');
    const changes: OverloadChange[] = [];
    const stop = app.backpressure.onOverloadChange((change) => changes.push(change));
    source.waitMs = 500;
    for (let i = 0; i < 4; i++) {
      await app.inject('/');
      await clock.advance(600);
    }
    expect(changes).toEqual([{ overloaded: true, rejectedBy: 'load.sources[0]', rejected: 1, lastedMs: 0 }]);
    expect(app.backpressure.stats().overloaded).toBe(true);
    await clock.advance(400);
    expect(changes.slice(1)).toEqual([
      { overloaded: false, rejectedBy: 'load.sources[0]', rejected: 4, lastedMs: 1800 },
    ]);
    expect(app.backpressure.stats().overloaded).toBe(false);

    stop();
    await app.inject('/');
    expect(changes).toHaveLength(2);
    expect(app.backpressure.stats().overloaded).toBe(true);
  });

  it('is not what a client does that sends too much', async () => {
    const { app } = await build({ rateLimit: { rate: 1, burst: 1 } });
    app.get('/', () => 'ok');
    await app.inject('/');
    await app.inject('/');
    expect(app.backpressure.stats()).toMatchObject({ overloaded: false, rejected: { rate_limit: 1 } });
  });
});
