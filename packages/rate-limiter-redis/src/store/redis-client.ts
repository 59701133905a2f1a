/** Sends commands to Redis or Valkey: all that is needed of a client. */
export interface RedisClient {
  /** Sends a command, its name first. Rejects when the server answers with an error or cannot be reached. */
  command(args: readonly string[]): Promise<unknown>;
}

/** The part of an ioredis client (`Redis` or `Cluster`) that is used. */
export interface IoredisLike {
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** The part of a node-redis client (`createClient()`) that is used. */
export interface NodeRedisLike {
  sendCommand(args: string[]): Promise<unknown>;
}

/** Wraps an ioredis client. Its owner connects, configures and closes it. */
export function fromIoredis(client: IoredisLike): RedisClient {
  return { command: ([name = '', ...args]) => client.call(name, ...args) };
}

/** Wraps a node-redis client. Its owner connects, configures and closes it. */
export function fromNodeRedis(client: NodeRedisLike): RedisClient {
  return { command: (args) => client.sendCommand([...args]) };
}
