import type { DoneKind } from '@bp/context';
import { describe, expect, it } from 'vitest';
import { build } from './harness.ts';

describe('a request whose context ends before its handler starts', () => {
  it.each<[Exclude<DoneKind, 'deadline'>, number, string]>([
    ['cancelled', 503, 'Request cancelled'],
    ['caller-gone', 503, 'Request cancelled'],
    ['shed', 503, 'Service overloaded'],
    ['shutdown', 503, 'Service shutting down'],
  ])('because it was %s is answered with %d and not continued', async (kind, status, error) => {
    const { app } = await build({ load: { eventLoop: false }, deadline: {} });
    let handled = false;
    app.addHook('preValidation', async (request) => request.backpressure.cancel(kind));
    app.get('/', () => {
      handled = true;
      return 'ok';
    });
    const response = await app.inject('/');
    expect([response.statusCode, response.json()]).toEqual([status, { error, retryAfter: 10 }]);
    expect(handled).toBe(false);
    expect(app.backpressure.stats()).toMatchObject({ active: 0, rejected: { cancelled: 1, deadline: 0 } });
  });

  it('is answered while it waits for a turn of the event loop, and the next one continues', async () => {
    const { app, clock } = await build({ load: { eventLoop: false } });
    app.addHook('onRequest', async (request) => {
      if (request.url === '/cancelled') clock.nextTurn(() => request.backpressure.cancel());
    });
    for (const url of ['/', '/cancelled']) {
      app.get(url, () => {
        clock.jumpTo(clock.now() + 10);
        return 'ok';
      });
    }
    await app.ready();
    const responses = ['/', '/cancelled', '/'].map((url) => app.inject(url));
    await expect.poll(() => app.backpressure.stats().queued).toBe(2);
    await clock.advance(0);
    expect((await Promise.all(responses)).map(({ statusCode }) => statusCode)).toEqual([200, 503, 200]);
  });
});
