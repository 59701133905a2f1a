/** Longer texts are no addresses: 45 characters for IPv6 with an embedded IPv4 address, then brackets, zone and port. */
const MAX_LENGTH = 100;

/**
 * Parses an IP address in any spelling, with or without a port: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`, `[2001:db8::1]:443`,
 * `fe80::1%eth0`. An IPv4 address that is embedded in an IPv6 one is that IPv4 address: mapped (`::ffff:192.0.2.1`), or behind
 * NAT64 (`64:ff9b::192.0.2.1`, RFC 6052). Returns 4 or 16 bytes; undefined if `text` is no address.
 */
export function parseIpAddress(text: string): readonly number[] | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const address = withoutPort(text);
  const bytes = parseIpv4(address);
  if (bytes !== undefined) return bytes;
  const groups = parseIpv6(address);
  return groups && (embeddedIpv4(groups) ?? groups);
}

/** Writes every group, without leading zeros: a key needs one spelling only. */
export function formatIpAddress(bytes: readonly number[]): string {
  return bytes.length === 4 ? bytes.join('.') : formatGroups(bytes);
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text);
  if (bracketed !== null) return bracketed[1] ?? '';
  return /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  const [address = ''] = text.split('%');
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
  if (!address.includes('.')) return address;
  const start = address.lastIndexOf(':') + 1;
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

/** The first twelve bytes of the networks that embed an IPv4 address in the last four. */
const EMBEDDING = [
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
  [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
] as const;

function embeddedIpv4(bytes: readonly number[]): readonly number[] | undefined {
  const embeds = EMBEDDING.some((prefix) => prefix.every((byte, i) => byte === bytes[i]));
  return embeds ? bytes.slice(12) : undefined;
}

function formatGroups(bytes: readonly number[]): string {
  const groups: string[] = [];
  for (let i = 0; i < bytes.length; i += 2) {
    groups.push((((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  }
  return groups.join(':');
}
