import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';
import { areProxies } from './trusted-proxies.ts';

const port = (fallback: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: fallback, description });
const count = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 1_000_000, default: fallback, description });
const milliseconds = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 86_400_000, default: fallback, description });

/** Every variable the server reads: its range, its default and what it means. The README's table says the same. */
export const variables = Type.Object({
  HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'address to listen on' }),
  PORT: port(3000, 'port to listen on; 0 picks a free one'),
  TRUST_PROXY: Type.Optional(
    Type.String({
      description: 'proxies whose `X-Forwarded-For` is believed, such as `loopback, 10.0.0.0/8`; unset: none',
    }),
  ),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'silent'], {
    default: 'info',
    description: 'least severe log line that is written',
  }),
  BODY_LIMIT_BYTES: Type.Integer({
    minimum: 256,
    maximum: 1_048_576,
    default: 16_384,
    description: 'largest request body that is read',
  }),
  RATE_LIMIT_PER_SECOND: count(10, 'orders a second each client may send'),
  RATE_LIMIT_BURST: count(10, 'orders a client may send at once after a pause'),
  RATE_LIMIT_MAX_CLIENTS: count(100_000, 'clients remembered at once'),
  MAX_LOOP_WAIT_MS: Type.Integer({
    minimum: 20,
    maximum: 60_000,
    default: 100,
    description: 'longest an order may wait for the event loop before others are rejected',
  }),
  RETRY_SPREAD_MS: Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 30_000,
    description: 'most time over which clients rejected for overload are told to return',
  }),
  WORKERS: count(10, 'orders processed at once'),
  QUEUE_CAPACITY: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      description: 'accepted orders that may wait for a worker',
    }),
  ),
  MAX_ORDERS: count(10_000, 'orders kept in memory, at least WORKERS + QUEUE_CAPACITY'),
  ORDER_TIMEOUT_MS: milliseconds(600_000, 'time a worker tries to get one order paid before it fails'),
  PAYMENT_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^/@\\s]+/?$',
      description: 'origin of the payment gateway; unset starts the simulated one',
    }),
  ),
  PAYMENT_TIMEOUT_MS: milliseconds(5_000, 'deadline of one payment, waiting for a permit included'),
  PAYMENT_CONCURRENCY: count(8, 'payments in flight at once'),
  PAYMENT_ATTEMPTS: count(5, 'failed payments after which an order fails'),
  BREAKER_FAILURES: count(5, 'failures in a row that open the circuit breaker'),
  BREAKER_OPEN_MS: milliseconds(60_000, 'time the breaker stays open'),
  BREAKER_PROBES: count(3, 'payments that try the gateway while the breaker is half open'),
  SHUTDOWN_GRACE_MS: milliseconds(10_000, 'time accepted orders get to finish after SIGTERM or SIGINT'),
  GATEWAY_PORT: port(3001, 'port of the simulated gateway; 0 picks a free one'),
  GATEWAY_LATENCY_MS: Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 100,
    description: 'time the simulated gateway takes for a payment',
  }),
  GATEWAY_CAPACITY: count(8, 'payments the simulated gateway handles at once'),
  GATEWAY_FAILURE_RATE: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0,
    description: 'share of its payments that the simulated gateway fails',
  }),
});

/** The settings of one server, under the names of their environment variables. */
export type Config = Readonly<Static<typeof variables> & { QUEUE_CAPACITY: number }>;

/**
 * The configuration in `env`; a variable that is not set, or set to nothing, has its default.
 *
 * @throws RangeError naming every bad variable, what it may be and what it was given.
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    Object.keys(variables.properties)
      .filter((name) => env[name] !== undefined && env[name] !== '')
      .map((name) => [name, env[name]]),
  );
  const read = validated(given);
  const config = { ...read, QUEUE_CAPACITY: read.QUEUE_CAPACITY ?? 3 * read.WORKERS };
  const unfinished = config.WORKERS + config.QUEUE_CAPACITY;
  if (config.MAX_ORDERS < unfinished) {
    throw new RangeError(
      `MAX_ORDERS must be at least WORKERS + QUEUE_CAPACITY = ${unfinished}, got ${config.MAX_ORDERS}`,
    );
  }
  return config;
}

function validated(given: Readonly<Record<string, string | undefined>>): Static<typeof variables> {
  try {
    const read = envSchema<Static<typeof variables>>({ schema: variables, data: given, env: false });
    // ajv coerces "Infinity" to a number and then skips the bounds, which are for finite ones.
    const infinite = Object.entries(read).filter(
      ([, value]) => typeof value === 'number' && !Number.isFinite(value),
    );
    if (infinite.length > 0)
      throw rejection(
        infinite.map(([name]) => name),
        given,
      );
    if (read.TRUST_PROXY !== undefined && !areProxies(read.TRUST_PROXY))
      throw rejection(['TRUST_PROXY'], given);
    return read;
  } catch (error) {
    const { errors } = error as { errors?: readonly { readonly instancePath: string }[] };
    if (errors === undefined) throw error;
    throw rejection(
      errors.map(({ instancePath }) => instancePath.slice(1)),
      given,
    );
  }
}

function rejection(
  names: readonly string[],
  given: Readonly<Record<string, string | undefined>>,
): RangeError {
  return new RangeError([...new Set(names)].map((name) => complaint(name, given[name])).join('\n'));
}

function complaint(name: string, given = ''): string {
  // What was meant as the gateway's address may hold a password.
  const shown = JSON.stringify(given.replace(/\/\/.*@/, '//***@'));
  return `${name} must be ${allowed(name as keyof Config)}, got ${shown}`;
}

function allowed(name: keyof Config): string {
  const schema: object = variables.properties[name];
  const { type, minimum, maximum, pattern, enum: values } = schema as Readonly<Record<string, unknown>>;
  if (name === 'TRUST_PROXY')
    return 'addresses or networks, loopback, linklocal or uniquelocal, with commas between';
  if (Array.isArray(values)) return `one of ${values.join(', ')}`;
  if (pattern !== undefined) return 'an http or https origin such as http://127.0.0.1:3001';
  if (type === 'string') return 'a string that is not empty';
  return `${type === 'integer' ? 'an integer' : 'a number'} from ${minimum} to ${maximum}`;
}
