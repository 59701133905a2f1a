import { Connection } from '../connection.ts';

/** The load, in a process of its own: connections that each send the next request when the last one is answered. */
export interface LoadOrder {
  readonly port: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly answers: number;
  readonly seconds: number;
}

const CONNECTIONS = 64;
const USERS = 10_000;
const TIERS = ['gold', 'silver', 'bronze'] as const;
const BODY = '{"orderId":"order-1","amount":100}';

const requests = Array.from(
  { length: USERS },
  (_, user) =>
    `POST /api/orders HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n` +
    `x-user-id: user-${user}\r\nx-request-timeout-ms: 5000\r\nx-tier: ${TIERS[user % TIERS.length]}\r\n` +
    `content-length: ${BODY.length}\r\n\r\n${BODY}`,
);
let next = 0;

/** The connections to one server, which are kept from turn to turn. */
class Connections {
  readonly #connections: readonly Connection[];
  #answers = 0;
  #end = 0;
  #idle = 0;
  #onIdle = (): void => {};

  constructor(port: number) {
    const url = new URL(`http://127.0.0.1:${port}`);
    this.#connections = Array.from({ length: CONNECTIONS }, () => new Connection(url));
  }

  async run(seconds: number): Promise<LoadResult> {
    const start = performance.now();
    this.#answers = 0;
    this.#end = start + seconds * 1000;
    this.#idle = 0;
    for (const connection of this.#connections) this.#ask(connection);
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    return { answers: this.#answers, seconds: (performance.now() - start) / 1000 };
  }

  #ask(connection: Connection): void {
    next = (next + 7919) % USERS;
    connection.send(requests[next] as string, (status) => {
      if (status !== 202) throw new Error(`all are to be admitted, got ${status}`);
      this.#answers++;
      if (performance.now() < this.#end) this.#ask(connection);
      else if (++this.#idle === CONNECTIONS) this.#onIdle();
    });
  }
}

const connections = new Map<number, Connections>();

process.on('message', async ({ port, seconds }: LoadOrder) => {
  let own = connections.get(port);
  if (own === undefined) {
    own = new Connections(port);
    connections.set(port, own);
  }
  process.send?.(await own.run(seconds));
});
process.on('disconnect', () => process.exit(0));
