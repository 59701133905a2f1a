import { describe, expect, it } from 'vitest';
import { deferred } from './harness.ts';
import { Client, createServer, get, listen, untilDisconnected } from './sockets.ts';

const CONNECTIONS = 10;
const PIPELINED = 100;

describe('stats().active', () => {
  it.each([
    ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['Upgrade', get('/', 'Connection: Upgrade', 'Upgrade: websocket')],
  ])('returns to 0 after pipelined requests that are followed by %s', async (_name, last) => {
    const app = await createServer();
    app.server.on('upgrade', (_request, socket) => void socket.destroy());
    app.get('/', async () => {
      await new Promise(setImmediate);
      return 'ok';
    });
    const port = await listen(app);
    for (let i = 0; i < CONNECTIONS; i++) (await Client.open(port)).send(get().repeat(PIPELINED) + last);
    await expect.poll(() => app.backpressure.stats().admitted).toBeGreaterThanOrEqual(CONNECTIONS);
    await untilDisconnected(app);
    await expect.poll(() => app.backpressure.stats().active).toBe(0);
  });

  it('returns to 0 when clients leave while their requests are pipelined and their handlers run', async () => {
    const app = await createServer();
    const held: (() => void)[] = [];
    app.get('/', () => new Promise<string>((resolve) => held.push(() => resolve('ok'))));
    const port = await listen(app);
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => Client.open(port)));
    for (const client of clients) client.send(get().repeat(5));
    await expect.poll(() => app.backpressure.stats().active).toBe(CONNECTIONS * 5);
    for (const { socket } of clients) socket.destroy();
    await untilDisconnected(app);
    await expect
      .poll(() => app.backpressure.stats())
      .toMatchObject({ active: 0, disconnected: CONNECTIONS * 5 });
    for (const release of held) release();
    await new Promise(setImmediate);
    expect(app.backpressure.stats().active, 'each request is counted once').toBe(0);
  });

  it('is never below 0 and ends at 0 with keep-alive clients that get their answers', async () => {
    const app = await createServer();
    app.get('/', () => 'ok');
    const port = await listen(app);
    const client = await Client.open(port);
    client.send(get().repeat(20));
    await expect.poll(() => client.statuses.length).toBe(20);
    await expect
      .poll(() => app.backpressure.stats())
      .toMatchObject({ active: 0, admitted: 20, disconnected: 0 });
    client.socket.destroy();
    await untilDisconnected(app);
    expect(app.backpressure.stats()).toMatchObject({ active: 0, disconnected: 0 });
  });
});

describe('clients that leave during an asynchronous hook in front of the plugin', () => {
  it.each(['/', '/exempt'])('are not admitted to %s, and no handler runs for them', async (url) => {
    const released = deferred<void>();
    let waiting = 0;
    let handled = 0;
    const app = await createServer(
      { exempt: ['/exempt'] },
      {
        before: (server) =>
          server.addHook('onRequest', async () => {
            waiting++;
            await released.promise;
          }),
      },
    );
    for (const path of ['/', '/exempt']) {
      app.get(path, () => {
        handled++;
        return 'ok';
      });
    }
    const port = await listen(app);
    const clients = await Promise.all(Array.from({ length: 200 }, () => Client.open(port)));
    for (const client of clients) client.send(get(url));
    await expect.poll(() => waiting).toBe(200);
    for (const { socket } of clients) socket.destroy();
    await untilDisconnected(app);
    released.resolve();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(handled).toBe(0);
    expect(app.backpressure.stats()).toMatchObject({ active: 0, admitted: 0, disconnected: 200 });
  });
});

describe('a client that leaves while its body is parsed or a later hook runs', () => {
  it.each(['/', '/exempt'])('gets no handler on %s', async (url) => {
    const released = deferred<void>();
    let waiting = 0;
    let handled = 0;
    const app = await createServer({ exempt: ['/exempt'] });
    const preParsing = async () => {
      waiting++;
      await released.promise;
      return undefined;
    };
    for (const path of ['/', '/exempt']) {
      app.get(path, { preParsing }, () => {
        handled++;
        return 'ok';
      });
    }
    const client = await Client.open(await listen(app));
    client.send(get(url));
    await expect.poll(() => waiting).toBe(1);
    client.socket.destroy();
    await untilDisconnected(app);
    released.resolve();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(handled).toBe(0);
    expect(app.backpressure.stats()).toMatchObject({ active: 0, disconnected: 1 });
  });
});
