import { describe, expect, it } from 'vitest';
import { Client, createServer, get, listen } from './sockets.ts';

const CLIENTS = 200;

describe('app.close() while clients open connections', () => {
  it('resets none of the connections that the kernel has accepted already', async () => {
    const app = await createServer();
    app.get('/', () => 'ok');
    const port = await listen(app);
    const clients = Array.from({ length: CLIENTS }, () => new Client(port));
    for (const client of clients) client.send(get());
    const closed = app.close();
    await expect.poll(() => clients.every((client) => client.closed), { timeout: 10_000 }).toBe(true);
    await closed;
    expect(clients.filter(({ errorCode }) => errorCode === 'ECONNRESET')).toHaveLength(0);
    expect(clients.map(({ statuses }) => statuses[0])).toEqual(clients.map(() => '503'));
    expect(clients.every(({ received }) => /connection: close/i.test(received))).toBe(true);
  });

  it('ends although clients never stop connecting', async () => {
    const app = await createServer({ closeGraceMs: 50 });
    app.get('/', () => 'ok');
    const port = await listen(app);
    let stopped = false;
    const connectAgain = (): void => {
      if (stopped) return;
      const client = new Client(port);
      client.socket.on('connect', () => client.send(get()));
      setImmediate(connectAgain);
    };
    connectAgain();
    await app.close();
    stopped = true;
    expect(app.server.listening).toBe(false);
  });
});
