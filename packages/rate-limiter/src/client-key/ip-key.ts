import { checkInteger } from '@bp/core/kit';

/** How addresses are grouped into clients. */
export interface IpKeyOptions {
  /** Bits of an IPv6 address that name a client (1 to 128): a customer usually gets a /64 or more. Default: 64. */
  readonly ipv6Prefix?: number | undefined;
  /** Bits of an IPv4 address that name a client (1 to 32). Default: 32. */
  readonly ipv4Prefix?: number | undefined;
}

/**
 * The key of a client that is known by its address alone. Addresses of one prefix get one key, so that nobody gains by
 * changing the part they may choose; an IPv4 address written as an IPv6 one (`::ffff:192.0.2.1`) is the IPv4 address;
 * all spellings of an address are one. A zone (`%eth0`) is dropped. What is no address is returned as it came.
 * @throws RangeError if a prefix is not a number of bits.
 */
export function ipKey(address: string, options: IpKeyOptions = {}): string {
  const { ipv6Prefix = 64, ipv4Prefix = 32 } = options;
  checkPrefix('ipv6Prefix', ipv6Prefix, 128);
  checkPrefix('ipv4Prefix', ipv4Prefix, 32);
  const bytes = parseIpv4(address) ?? unmap(parseIpv6(address));
  if (bytes === undefined) return address;
  if (bytes.length === 4) return format(bytes, ipv4Prefix, 32, (octets) => octets.join('.'));
  return format(bytes, ipv6Prefix, 128, formatGroups);
}

/**
 * The key of a client: its `id` if it has one, else its address. The two cannot be confused, whatever an id looks like.
 * @throws RangeError if a prefix is not a number of bits.
 */
export function clientKey(id: string | undefined, address: string, options?: IpKeyOptions): string {
  return id === undefined || id === '' ? `ip:${ipKey(address, options)}` : `id:${id}`;
}

function checkPrefix(name: string, bits: number, max: number): void {
  if (checkInteger(name, bits) > max)
    throw new RangeError(`${name} must be an integer of at most ${max}, got ${bits}`);
}

function parseIpv4(text: string): number[] | undefined {
  if (text.length > 15) return undefined;
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  const [address = ''] = text.slice(0, 100).split('%');
  const halves = withoutIpv4Tail(address)?.split('::') ?? [];
  const head = parseGroups(halves[0] ?? '');
  const tail = parseGroups(halves[1] ?? '');
  if (halves.length > 2 || head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 2 ? missing < 2 : missing !== 0) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** The last four bytes may be written as an IPv4 address. */
function withoutIpv4Tail(address: string): string | undefined {
  const start = address.lastIndexOf(':') + 1;
  if (!address.includes('.')) return address;
  const bytes = parseIpv4(address.slice(start));
  return bytes && address.slice(0, start) + formatGroups(bytes);
}

function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return groups.flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
}

/** An IPv4 address that was mapped into IPv6 becomes one again. */
function unmap(bytes: number[] | undefined): number[] | undefined {
  const mapped = bytes?.slice(0, 12).join() === '0,0,0,0,0,0,0,0,0,0,255,255';
  return mapped ? bytes?.slice(12) : bytes;
}

function format(
  bytes: readonly number[],
  prefix: number,
  bits: number,
  write: (bytes: number[]) => string,
): string {
  const network = bytes.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 * (i + 1) - prefix))));
  return prefix === bits ? write(network) : `${write(network)}/${prefix}`;
}

/** Every group, without leading zeros: one spelling is enough for a key. */
function formatGroups(bytes: readonly number[]): string {
  const groups: string[] = [];
  for (let i = 0; i < bytes.length; i += 2)
    groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return groups.join(':');
}
