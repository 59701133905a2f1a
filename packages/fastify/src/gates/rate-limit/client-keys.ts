import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { describe } from '@bp/core/kit';
import { clientKey, ipKey } from '@bp/rate-limiter';
import type { FastifyRequest } from 'fastify';

/** Returns the client of a request; undefined or an empty string for its address. */
export type KeyFunction = (request: FastifyRequest) => string | undefined | Promise<string | undefined>;

/** The keys of recent addresses are remembered, up to this many and up to this length. */
const MAX_REMEMBERED = 1000;
const MAX_ADDRESS_LENGTH = 64;
/** A longer key is replaced by its hash: keys come from clients, and are kept by limiters and queues. */
const MAX_KEY_LENGTH = 256;

/** Finds out which client a request belongs to: by the user's function, else by the network of its address. */
export class ClientKeys {
  readonly #key: KeyFunction | undefined;
  readonly #path: string;
  readonly #ipv6Prefix: number;
  readonly #remembered = new Map<string, string>();

  /** @param path - where `key` was given, for errors. */
  constructor(path: string, key: KeyFunction | undefined, ipv6Prefix: number) {
    this.#path = path;
    this.#key = key;
    this.#ipv6Prefix = ipv6Prefix;
  }

  /** How many addresses are remembered. */
  get remembered(): number {
    return this.#remembered.size;
  }

  /**
   * The key of a request, a promise if the user's function returns one.
   * @throws TypeError (or rejects with one) if the function returns anything but a string or undefined.
   */
  of(request: FastifyRequest): string | Promise<string> {
    const own = this.#key?.(request);
    return isPromiseLike(own) ? this.#later(request, own) : this.#from(request, own);
  }

  async #later(request: FastifyRequest, own: PromiseLike<string | undefined>): Promise<string> {
    return this.#from(request, await own);
  }

  #from(request: FastifyRequest, own: string | undefined): string {
    if (own === undefined || own === '') return this.#ofAddress(request);
    if (typeof own !== 'string') {
      throw new TypeError(`${this.#path}.key must return a string or undefined, got ${describe(own)}`);
    }
    if (own.length <= MAX_KEY_LENGTH) return clientKey(own, '');
    // Another prefix than that of short keys: a client cannot choose a key that equals the hash of another one's.
    return `sha256:${createHash('sha256').update(own).digest('base64url')}`;
  }

  #ofAddress(request: FastifyRequest): string {
    // A connection to a Unix socket has no address: it comes from this machine.
    const { ip = 'local' } = request as { readonly ip: string | undefined };
    let key = this.#remembered.get(ip);
    if (key === undefined) {
      key = this.#keyOf(ip, request);
      if (ip.length > MAX_ADDRESS_LENGTH) return key;
      if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
      this.#remembered.set(ip, key);
    }
    return key;
  }

  #keyOf(ip: string, { socket }: FastifyRequest): string {
    const network = ipKey(ip, { ipv6Prefix: this.#ipv6Prefix });
    if (isIP(network.split('/')[0] ?? '') > 0) return `ip:${network}`;
    // What a proxy forwards without having checked it must not make a new client of every text.
    return clientKey(undefined, socket?.remoteAddress ?? 'local', { ipv6Prefix: this.#ipv6Prefix });
  }
}

function isPromiseLike<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}
