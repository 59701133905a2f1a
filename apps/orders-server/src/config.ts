import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';
import { areProxies } from './trusted-proxies.ts';

const port = (fallback: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: fallback, description });
const count = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 1_000_000, default: fallback, description });
const milliseconds = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 86_400_000, default: fallback, description });

/** Every variable the server reads, with range, default and meaning. A test compares it with the README's table. */
export const variables = Type.Object({
  HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'address to listen on' }),
  PORT: port(3000, 'port to listen on; 0 picks a free one'),
  TRUST_PROXY: Type.Optional(
    Type.String({
      description: 'proxies whose `X-Forwarded-For` is trusted, such as `loopback, 10.0.0.0/8`; unset: none',
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
  RATE_LIMIT_BURST: count(10, 'orders a client may send at once after an idle time'),
  RATE_LIMIT_MAX_CLIENTS: count(100_000, 'clients whose rate is tracked at once'),
  MAX_LOOP_WAIT_MS: Type.Integer({
    minimum: 20,
    maximum: 60_000,
    default: 100,
    description: 'longest wait for the event loop before orders are rejected',
  }),
  RETRY_SPREAD_MS: Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 30_000,
    description: 'longest time over which the return of rejected clients is spread',
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
  ORDER_TIMEOUT_MS: milliseconds(600_000, 'time for paying one order, all attempts and waits included'),
  PAYMENT_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^/@\\s]+/?$',
      description: 'origin of the payment gateway; unset starts the simulated one',
    }),
  ),
  PAYMENT_TIMEOUT_MS: milliseconds(5_000, 'time for one payment attempt, waiting for a permit included'),
  PAYMENT_CONCURRENCY: count(8, 'payments in flight at once'),
  PAYMENT_ATTEMPTS: count(5, 'failed attempts after which an order fails or is unresolved'),
  BREAKER_FAILURES: count(5, 'failures in a row that open the circuit breaker'),
  BREAKER_OPEN_MS: milliseconds(60_000, 'time the breaker stays open'),
  BREAKER_PROBES: count(3, 'payments admitted while the breaker is half open'),
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

/** Settings of one server, named like their environment variables. */
export type Config = Readonly<Static<typeof variables> & { QUEUE_CAPACITY: number }>;

/**
 * Reads the configuration from `env`. A variable that is unset or empty has its default.
 *
 * @throws RangeError naming every bad variable, the allowed values and the given one.
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
    // ajv converts "Infinity" to a number and does not apply the bounds to it.
    const infinite = Object.entries(read).filter(
      ([, value]) => typeof value === 'number' && !Number.isFinite(value),
    );
    if (infinite.length > 0)
      throw configError(
        infinite.map(([name]) => name),
        given,
      );
    if (read.TRUST_PROXY !== undefined && !areProxies(read.TRUST_PROXY))
      throw configError(['TRUST_PROXY'], given);
    return read;
  } catch (error) {
    const { errors } = error as { errors?: readonly { readonly instancePath: string }[] };
    if (errors === undefined) throw error;
    throw configError(
      errors.map(({ instancePath }) => instancePath.slice(1)),
      given,
    );
  }
}

function configError(
  names: readonly string[],
  given: Readonly<Record<string, string | undefined>>,
): RangeError {
  return new RangeError([...new Set(names)].map((name) => messageFor(name, given[name])).join('\n'));
}

function messageFor(name: string, given = ''): string {
  // The address of the gateway may contain a password.
  const shown = JSON.stringify(given.replace(/\/\/.*@/, '//***@'));
  return `${name} must be ${allowed(name as keyof Config)}, got ${shown}`;
}

function allowed(name: keyof Config): string {
  const schema: object = variables.properties[name];
  const { type, minimum, maximum, pattern, enum: values } = schema as Readonly<Record<string, unknown>>;
  if (name === 'TRUST_PROXY')
    return 'addresses or networks, loopback, linklocal or uniquelocal, separated by commas';
  if (Array.isArray(values)) return `one of ${values.join(', ')}`;
  if (pattern !== undefined) return 'an http or https origin such as http://127.0.0.1:3001';
  if (type === 'string') return 'a string that is not empty';
  return `${type === 'integer' ? 'an integer' : 'a number'} from ${minimum} to ${maximum}`;
}
