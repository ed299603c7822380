/** Remembers what was said already, of the latest `max` things: so much memory, whatever names there are. */
export class SaidOnce {
  readonly #said = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether this is to be said now: it is new, or was forgotten. */
  isNew(what: string): boolean {
    const isNew = !this.#said.delete(what);
    this.#said.add(what);
    const [oldest] = this.#said;
    if (this.#said.size > this.#max && oldest !== undefined) this.#said.delete(oldest);
    return isNew;
  }
}
