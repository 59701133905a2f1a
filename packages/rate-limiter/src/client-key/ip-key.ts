import { checkInteger, checkOptions, optionNames } from '@bp/core/kit';
import { boundedText } from '../bounded-text.ts';
import { formatIpAddress, parseIpAddress } from './ip-address.ts';

/** How addresses are grouped into clients. */
export interface IpKeyOptions {
  /** Leading bits of an IPv6 address that identify a client (1 to 128): a customer usually gets a /64 or more. Default: 64. */
  readonly ipv6Prefix?: number | undefined;
  /** Leading bits of an IPv4 address that identify a client (1 to 32). Default: 32. */
  readonly ipv4Prefix?: number | undefined;
}

const IP_KEY_OPTIONS = /* @__PURE__ */ optionNames<IpKeyOptions>({ ipv6Prefix: true, ipv4Prefix: true });
const DEFAULT_IPV6_PREFIX = 64;
const DEFAULT_IPV4_PREFIX = 32;
/** A key that is no address is cut to this length. */
const MAX_OTHER_LENGTH = 100;

/**
 * Returns the key of a client that is known only by its address, as it comes from a socket or from `X-Forwarded-For`.
 *
 * - Addresses of one prefix get one key, so a client gains nothing by changing the part that it may choose.
 * - All spellings of an address get one key; a port (`192.0.2.1:443`, `[2001:db8::1]:443`) and a zone (`%eth0`) are dropped.
 * - An IPv4 address inside an IPv6 one (`::ffff:192.0.2.1`, or NAT64: `64:ff9b::192.0.2.1`) gets the key of the IPv4 address.
 * - A text that is no address is its own key, cut to 100 characters.
 *
 * @throws TypeError or RangeError naming the wrong option.
 */
export function ipKey(address: string, options: IpKeyOptions = {}): string {
  const { ipv6Prefix = DEFAULT_IPV6_PREFIX, ipv4Prefix = DEFAULT_IPV4_PREFIX } = checkOptions(
    options,
    IP_KEY_OPTIONS,
  );
  checkPrefix('ipv6Prefix', ipv6Prefix, 128);
  checkPrefix('ipv4Prefix', ipv4Prefix, 32);
  const bytes = parseIpAddress(address);
  if (bytes === undefined) return boundedText(address, MAX_OTHER_LENGTH);
  return networkOf(bytes, bytes.length === 4 ? ipv4Prefix : ipv6Prefix);
}

/**
 * Returns the key of a client: its `id` if it has one, else its address. An id never equals an address.
 * @throws TypeError or RangeError naming the wrong option.
 */
export function clientKey(id: string | undefined, address: string, options?: IpKeyOptions): string {
  return id === undefined || id === '' ? `ip:${ipKey(address, options)}` : `id:${id}`;
}

function checkPrefix(name: string, bits: number, max: number): void {
  if (checkInteger(name, bits) > max) {
    throw new RangeError(`${name} must be an integer of at most ${max}, got ${bits}`);
  }
}

function networkOf(bytes: readonly number[], prefix: number): string {
  const network = bytes.map((byte, i) => byte & (0xff << Math.max(0, Math.min(8, 8 * (i + 1) - prefix))));
  const address = formatIpAddress(network);
  return prefix === 8 * bytes.length ? address : `${address}/${prefix}`;
}
