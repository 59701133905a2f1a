/** Keys of clients up to this length are stored as they are, longer ones as their SHA-256. */
const MAX_KEY_LENGTH = 200;

/** Returns whether the store key of `key` takes a digest. */
export function isLong(key: string): boolean {
  return key.length > MAX_KEY_LENGTH;
}

/** Makes the store keys of one limiter. No other name, and no other key of a client, makes the same store key. */
export class StoreKeys {
  readonly #beginning: string;

  constructor(prefix: string, name: string) {
    this.#beginning = prefix + name.replace(/[%:#]/g, encodeURIComponent);
  }

  of(key: string): string {
    return `${this.#beginning}:${key}`;
  }

  /** Does the same for a long key. The separator differs, so that no client can send the store key of another as its key. */
  async ofLong(key: string): Promise<string> {
    return `${this.#beginning}#${await hexDigest('SHA-256', key)}`;
  }
}

/** Returns the digest of `text` in UTF-8 as hexadecimal digits. */
export async function hexDigest(algorithm: 'SHA-1' | 'SHA-256', text: string): Promise<string> {
  const digest = await crypto.subtle.digest(algorithm, new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
