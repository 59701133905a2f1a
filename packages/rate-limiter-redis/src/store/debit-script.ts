import type { RedisClient } from './redis-client.ts';
import { hexDigest } from './store-keys.ts';

/**
 * GCRA (ITU-T I.371) on the server, by the server's clock. Amounts are units, millionths of a token.
 *
 * ARGV: the microseconds of one unit, and of all units that the bucket holds; a debt to charge first; units to take beside the
 * calls, as far as they are there; then pairs of a cost and how many calls of that cost follow each other. Every call takes its
 * whole cost or nothing, in order.
 *
 * The stored time is seconds and microseconds apart: one number of microseconds since 1970 has no bits left for fractions.
 * The slack is what times may be off by for having been rounded; it is granted once and not again.
 * A rejection writes nothing. Every key expires when it would decide like a key that does not exist.
 */
export const SOURCE = `
local time = redis.call('TIME')
local second, micro = tonumber(time[1]), tonumber(time[2])
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local debt, extra = tonumber(ARGV[3]), tonumber(ARGV[4])
local slack = 0.001 + tolerance * 1e-12

local saved = redis.pcall('GET', KEYS[1])
local ahead = 0
if saved then
  if type(saved) == 'table' and not string.find(saved.err or '', 'WRONGTYPE', 1, true) then return saved end
  local s, u
  if type(saved) == 'string' then s, u = string.match(saved, '^(%d+):(%d+%.%d+)$') end
  if not s then return {'foreign'} end
  ahead = (tonumber(s) - second) * 1000000 + (tonumber(u) - micro)
  ahead = math.max(0, math.min(ahead, tolerance + slack))
end
ahead = math.min(ahead + debt * interval, math.max(ahead, tolerance))

local available = math.floor((tolerance - ahead + slack) / interval)
local granted = 0
for i = 5, #ARGV, 2 do
  local cost, count = tonumber(ARGV[i]), tonumber(ARGV[i + 1])
  granted = granted + cost * math.min(count, math.floor((available - granted) / cost))
end
granted = granted + math.min(extra, available - granted)
ahead = ahead + granted * interval

if granted > 0 or debt > 0 then
  local due = micro + ahead
  local seconds = second + math.floor(due / 1000000)
  redis.call('SET', KEYS[1], string.format('%.0f:%.6f', seconds, due % 1000000), 'PX', math.ceil(ahead / 1000) + 1)
end
return {string.format('%.0f', granted), string.format('%.3f', ahead)}
`;

/** A limit in the script's terms. */
export interface DebitLimit {
  readonly microsPerUnit: number;
  readonly toleranceMicros: number;
}

/** What to take. Amounts are units. */
export interface DebitRequest {
  readonly key: string;
  /** The costs of calls, in their order. */
  readonly costs: readonly number[];
  /** What to take beside them, as far as it is there. */
  readonly extra: number;
  /** What was spent without the store and is charged first; it empties the bucket at most. */
  readonly debt: number;
}

/** The store's decision. */
export interface Debit {
  /** Units taken. Spending them on the calls in order, on each whole or not at all, admits the calls that the store admitted. */
  readonly granted: number;
  /** Milliseconds until the bucket is full again. */
  readonly fullAfterMs: number;
}

/** Runs the script by its digest. Sends the source only to a server that does not know the script, or has forgotten it. */
export class DebitScript {
  readonly #client: RedisClient;
  readonly #limit: DebitLimit;
  #digest: string | undefined;

  constructor(client: RedisClient, limit: DebitLimit) {
    this.#client = client;
    this.#limit = limit;
  }

  /**
   * Resolves to undefined if the key holds the value of another program, which is left untouched. Rejects if the store does
   * not answer as it should.
   */
  async run({ key, costs, extra, debt }: DebitRequest): Promise<Debit | undefined> {
    const { microsPerUnit, toleranceMicros } = this.#limit;
    const numbers = [microsPerUnit, toleranceMicros, debt, extra, ...runLengths(costs)];
    const args = ['1', key, ...numbers.map(String)];
    if (this.#digest === undefined) {
      this.#computeDigest();
      return parse(await this.#client.command(['EVAL', SOURCE, ...args]));
    }
    try {
      return parse(await this.#client.command(['EVALSHA', this.#digest, ...args]));
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return parse(await this.#client.command(['EVAL', SOURCE, ...args]));
    }
  }

  /** No call waits for the digest: until it is there, the source is sent. */
  #computeDigest(): void {
    hexDigest('SHA-1', SOURCE).then(
      (digest) => {
        this.#digest = digest;
      },
      // Without SHA-1 the source is sent every time.
      () => {},
    );
  }
}

/** Returns every cost with how often it follows itself. */
function runLengths(costs: readonly number[]): number[] {
  const runs: number[] = [];
  let count = 0;
  costs.forEach((cost, index) => {
    count++;
    if (costs[index + 1] === cost) return;
    runs.push(cost, count);
    count = 0;
  });
  return runs;
}

function parse(reply: unknown): Debit | undefined {
  const [first, second]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  if (String(first) === 'foreign') return undefined;
  const granted = Number(first ?? Number.NaN);
  const aheadMicros = Number(second ?? Number.NaN);
  if (!(granted >= 0 && aheadMicros >= 0)) throw new TypeError('the reply of the store is no decision');
  return { granted, fullAfterMs: aheadMicros / 1000 };
}
