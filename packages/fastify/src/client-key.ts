import { clientKey, type IpKeyOptions } from '@bp/rate-limiter';
import type { FastifyRequest } from 'fastify';

/** Addresses come again with every request of a connection; their keys are remembered up to this many, then all forgotten. */
const MAX_REMEMBERED = 1000;

/** Who a request counts for: what the user's function says, else the network its address is in. */
export class ClientKeys {
  readonly #key: ((request: FastifyRequest) => string | undefined) | undefined;
  readonly #grouping: IpKeyOptions;
  readonly #remembered = new Map<string, string>();

  constructor(key: ((request: FastifyRequest) => string | undefined) | undefined, ipv6Prefix: number) {
    this.#key = key;
    this.#grouping = { ipv6Prefix };
  }

  /** How many addresses are remembered. */
  get remembered(): number {
    return this.#remembered.size;
  }

  of(request: FastifyRequest): string {
    const own = this.#key?.(request);
    return own === undefined || own === '' ? this.#ofAddress(request) : clientKey(own, '');
  }

  #ofAddress(request: FastifyRequest): string {
    // A connection to a Unix socket has no address: it comes from this machine.
    const { ip = 'local' } = request as { readonly ip: string | undefined };
    let key = this.#remembered.get(ip);
    if (key === undefined) {
      key = clientKey(undefined, ip, this.#grouping);
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(ip, key);
    }
    return key;
  }
}
