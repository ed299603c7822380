import type { Shim } from "../sys/shim.ts";
import { Tracer } from "./tracer.ts";

/** The tracer that all traces share. When it has ended, by an error of the kernel's, the next trace gets a new one. */
export class TracerSource {
  readonly #shim: Shim;
  #current: Promise<Tracer>;

  private constructor(shim: Shim, first: Promise<Tracer>) {
    this.#shim = shim;
    this.#current = first;
  }

  /** Throws SyscallError, EPERM without CAP_SYS_ADMIN. */
  static async start(shim: Shim): Promise<TracerSource> {
    const first = await Tracer.start(shim);
    return new TracerSource(shim, Promise.resolve(first));
  }

  /** The one that lives. Rejects with SyscallError when there is none any more and no new one can be had: ask again. */
  async get(): Promise<Tracer> {
    const before = this.#current;
    const tracer = await before.catch(() => undefined);
    if (tracer !== undefined && !tracer.hasEnded) return tracer;
    // Of several that find it dead one makes the next.
    if (this.#current === before) this.#current = Tracer.start(this.#shim);
    return await this.#current;
  }
}
