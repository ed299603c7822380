/**
 * Waits for `work` as long as it takes, but gives up when `progress()` has returned the same for `patienceMs`; then
 * resolves to "stuck". Rejects as the work does.
 */
export async function unlessStuck<T>(
  work: Promise<T>,
  progress: () => number,
  patienceMs: number,
): Promise<T | "stuck"> {
  const stuck = Promise.withResolvers<"stuck">();
  let before = progress();
  const timer = setInterval(() => {
    const now = progress();
    if (now === before) stuck.resolve("stuck");
    before = now;
  }, patienceMs);
  try {
    return await Promise.race([work, stuck.promise]);
  } finally {
    clearInterval(timer);
  }
}
