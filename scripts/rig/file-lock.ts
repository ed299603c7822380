/** A lock on a file between processes. The kernel lets go of it when its holder ends, however that happens. */
export class FileLock implements AsyncDisposable {
  readonly #release: () => Promise<void>;

  private constructor(release: () => Promise<void>) {
    this.#release = release;
  }

  /** Waits until nobody else holds the lock; the file is made when it is missing. */
  static async acquire(path: string): Promise<FileLock> {
    // Bun has no flock(2). cat holds the lock until its stdin ends, and passes on the byte that shows that it runs.
    const holder = Bun.spawn(["flock", path, "cat"], { stdio: ["pipe", "pipe", "inherit"] });
    const release = async () => {
      await holder.stdin.end();
      await holder.exited;
    };
    holder.stdin.write(".");
    holder.stdin.flush();
    const reader = holder.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Error(`Cannot lock ${path}: flock ended with code ${await holder.exited}`);
    return new FileLock(release);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release();
  }
}
