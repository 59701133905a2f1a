/** All that is needed of a Redis or Valkey client: to send one command and get its reply. */
export interface RedisClient {
  /** Sends a command, its name first. Rejects when the server answers an error or cannot be reached. */
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

/** An ioredis client, which stays its owner's to connect, configure and close. */
export function fromIoredis(client: IoredisLike): RedisClient {
  return { command: ([name = '', ...args]) => client.call(name, ...args) };
}

/** A node-redis client, which stays its owner's to connect, configure and close. */
export function fromNodeRedis(client: NodeRedisLike): RedisClient {
  return { command: (args) => client.sendCommand([...args]) };
}
