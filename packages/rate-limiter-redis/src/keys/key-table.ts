/** How many of the oldest entries are examined for one that can be forgotten when the table is full. */
const EXAMINED = 8;

/** At most `maxKeys` entries by key. A full table makes room only by forgetting an entry that is of no use any more. */
export class KeyTable<Entry> {
  readonly #maxKeys: number;
  readonly #create: () => Entry;
  readonly #isForgettable: (entry: Entry) => boolean;
  readonly #byKey = new Map<string, Entry>();

  constructor(maxKeys: number, create: () => Entry, isForgettable: (entry: Entry) => boolean) {
    this.#maxKeys = maxKeys;
    this.#create = create;
    this.#isForgettable = isForgettable;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** All entries with their keys. The table may change meanwhile. */
  entries(): IterableIterator<[string, Entry]> {
    return this.#byKey.entries();
  }

  /** The entry of `key`, a new one if need be; undefined if the table is full and none of the oldest can be forgotten. */
  obtain(key: string): Entry | undefined {
    const found = this.#byKey.get(key);
    if (found !== undefined) return found;
    if (this.#byKey.size >= this.#maxKeys && !this.#forgetOne()) return undefined;
    const entry = this.#create();
    this.#byKey.set(key, entry);
    return entry;
  }

  clear(): void {
    this.#byKey.clear();
  }

  #forgetOne(): boolean {
    let examined = 0;
    for (const [key, entry] of this.#byKey) {
      if (this.#isForgettable(entry)) return this.#byKey.delete(key);
      // Moved behind the others, so that the next search begins with other entries.
      this.#byKey.delete(key);
      this.#byKey.set(key, entry);
      if (++examined >= EXAMINED) return false;
    }
    return false;
  }
}
