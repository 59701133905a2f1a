import { connect, type Socket } from 'node:net';

/**
 * The load, in a process of its own: connections that each send the next request when the last one is answered. It
 * writes and reads text on sockets, because an HTTP client costs as much as the server that is measured.
 */
export interface Asked {
  readonly port: number;
  readonly seconds: number;
}

export interface Answered {
  readonly answers: number;
  readonly seconds: number;
}

const CONNECTIONS = 64;
const USERS = 10_000;
const TIERS = ['gold', 'silver', 'bronze'] as const;
const BODY = '{"item":"book","quantity":1}';
const ANSWER = '{"message":"done"}';

const requests = Array.from(
  { length: USERS },
  (_, user) =>
    `POST /api/orders HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: keep-alive\r\ncontent-type: application/json\r\n` +
    `x-user-id: user-${user}\r\nx-request-timeout-ms: 5000\r\nx-tier: ${TIERS[user % TIERS.length]}\r\n` +
    `content-length: ${BODY.length}\r\n\r\n${BODY}`,
);
let next = 0;

function ask(socket: Socket): void {
  next = (next + 7919) % USERS;
  socket.write(requests[next] as string, 'latin1');
}

/** The connections to one server, which are kept from turn to turn. */
class Connections {
  readonly #sockets: readonly Socket[];
  #answers = 0;
  #end = 0;
  #idle = 0;
  #onIdle = (): void => {};

  constructor(port: number) {
    this.#sockets = Array.from({ length: CONNECTIONS }, () =>
      connect({ port, host: '127.0.0.1', noDelay: true }),
    );
    for (const socket of this.#sockets) socket.on('data', (chunk) => this.#answered(socket, chunk));
  }

  async run(seconds: number): Promise<Answered> {
    const start = performance.now();
    this.#answers = 0;
    this.#end = start + seconds * 1000;
    this.#idle = 0;
    for (const socket of this.#sockets) ask(socket);
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    return { answers: this.#answers, seconds: (performance.now() - start) / 1000 };
  }

  #answered(socket: Socket, chunk: Buffer): void {
    const answer = chunk.toString('latin1');
    // So short an answer comes in one piece; any other than this means that not all were admitted.
    if (!answer.startsWith('HTTP/1.1 202 ') || !answer.endsWith(ANSWER)) throw new Error(`got ${answer}`);
    this.#answers++;
    if (performance.now() < this.#end) ask(socket);
    else if (++this.#idle === CONNECTIONS) this.#onIdle();
  }
}

const connections = new Map<number, Connections>();

process.on('message', async ({ port, seconds }: Asked) => {
  let own = connections.get(port);
  if (own === undefined) {
    own = new Connections(port);
    connections.set(port, own);
  }
  process.send?.(await own.run(seconds));
});
process.on('disconnect', () => process.exit(0));
