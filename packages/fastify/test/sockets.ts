import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { expect, onTestFinished } from 'vitest';
import { type BackpressureOptions, backpressure } from '../src/index.ts';

/** A server with the plugin, for tests that need a real socket. It is closed when the test ends. */
export async function createServer(
  options: BackpressureOptions = {},
  {
    before = () => {},
    ...server
  }: FastifyServerOptions & { readonly before?: (app: FastifyInstance) => void } = {},
): Promise<FastifyInstance> {
  const app = Fastify(server);
  before(app);
  await app.register(backpressure, { random: () => 0, ...options });
  onTestFinished(() => app.close());
  return app;
}

/** Listens on a free port of the loopback address and returns the port. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return (app.server.address() as AddressInfo).port;
}

/** One client connection. It is destroyed when the test ends. */
export class Client {
  readonly socket: Socket;
  /** Everything that the server has sent. */
  received = '';
  /** Whether the connection has ended or failed. */
  closed = false;
  /** The code of the error with which the connection failed, such as `ECONNRESET`. */
  errorCode: string | undefined;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    onTestFinished(() => void this.socket.destroy());
    this.socket.on('data', (chunk) => {
      this.received += chunk;
    });
    this.socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.errorCode = code;
    });
    this.socket.on('close', () => {
      this.closed = true;
    });
  }

  /** A client that has connected. */
  static async open(port: number): Promise<Client> {
    const client = new Client(port);
    await once(client.socket, 'connect');
    return client;
  }

  /** The status codes of all responses so far. */
  get statuses(): string[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => code ?? '');
  }

  send(text: string): void {
    this.socket.write(text);
  }
}

/** A GET request. */
export const get = (url = '/', ...headers: string[]): string =>
  `GET ${url} HTTP/1.1\r\n${['Host: x', ...headers].join('\r\n')}\r\n\r\n`;

/** Waits until the server has no connection left. */
export async function untilDisconnected(app: FastifyInstance): Promise<void> {
  const connections = (): Promise<number> =>
    new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count)));
  await expect.poll(connections, { timeout: 5000 }).toBe(0);
}
