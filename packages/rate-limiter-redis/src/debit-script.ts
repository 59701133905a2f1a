import type { RedisClient } from './redis-client.ts';

/**
 * GCRA on the server, by the server's clock: takes between ARGV[3] and ARGV[4] permits, or none.
 *
 * The theoretical arrival time is kept as seconds and microseconds apart, since one number of microseconds since
 * 1970 has no bits left for their fractions. A rejection writes nothing, and every key that is written expires when it
 * would decide like one never seen.
 */
const SOURCE = `
local time = redis.call('TIME')
local second, micro = tonumber(time[1]), tonumber(time[2])
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local least, most = tonumber(ARGV[3]), tonumber(ARGV[4])

local ahead = 0
local saved = redis.call('GET', KEYS[1])
if saved then
  local s, u = string.match(saved, '^(%d+):([%d.]+)$')
  ahead = (tonumber(s) - second) * 1000000 + (tonumber(u) - micro)
  ahead = math.max(0, math.min(ahead, tolerance))
end

local wait = ahead + least * interval - tolerance
if wait > 0 then
  return {'0', string.format('%.3f', wait), string.format('%.3f', ahead)}
end

local granted = math.min(most, (tolerance - ahead) / interval)
ahead = ahead + granted * interval
local due = micro + ahead
local seconds = second + math.floor(due / 1000000)
redis.call('SET', KEYS[1], string.format('%.0f:%.6f', seconds, due % 1000000), 'PX', math.ceil(ahead / 1000) + 1)
return {string.format('%.9f', granted), '0', string.format('%.3f', ahead)}
`;

/** What the server decided. */
export interface Debit {
  /** Permits taken: 0 for a rejection. */
  readonly granted: number;
  /** Milliseconds until the least that was asked for is there; 0 if it was granted. */
  readonly retryAfterMs: number;
  /** Milliseconds until the key is back to full. */
  readonly fullAfterMs: number;
}

/** A limit in the script's terms. */
export interface DebitLimit {
  readonly microsPerPermit: number;
  readonly toleranceMicros: number;
}

/** Runs the script by its digest, and sends its source only to a server that does not know it (yet, or any more). */
export class DebitScript {
  readonly #client: RedisClient;
  #digest: Promise<string> | undefined;

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /** Takes `least` to `most` permits from `key`, or none. Rejects when the store does not answer as it should. */
  async debit(key: string, limit: DebitLimit, least: number, most: number): Promise<Debit> {
    const args = ['1', key, limit.microsPerPermit, limit.toleranceMicros, least, most].map(String);
    this.#digest ??= sha1(SOURCE);
    let reply: unknown;
    try {
      reply = await this.#client.command(['EVALSHA', await this.#digest, ...args]);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      reply = await this.#client.command(['EVAL', SOURCE, ...args]);
    }
    const [granted, wait, ahead] = (Array.isArray(reply) ? reply : []).map(Number);
    if (granted === undefined || wait === undefined || ahead === undefined || Number.isNaN(granted)) {
      throw new TypeError('the store answered something else than a decision');
    }
    return { granted, retryAfterMs: wait / 1000, fullAfterMs: ahead / 1000 };
  }
}

async function sha1(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
