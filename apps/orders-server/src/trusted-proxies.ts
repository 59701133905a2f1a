import { isIP } from 'node:net';

const NAMED = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** Returns whether `list` is valid for Fastify's `trustProxy`: addresses, networks and names, separated by commas. */
export function areProxies(list: string): boolean {
  return list.split(',').every((each) => isProxy(each.trim()));
}

function isProxy(proxy: string): boolean {
  if (NAMED.has(proxy)) return true;
  const [address = '', prefix, ...more] = proxy.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128));
}
