/**
 * When a server that crashed is started again.
 *
 * Pure: it must not know the clock or what is started.
 */

/** Milliseconds before each new start; after one more crash there is none. */
const DELAYS = [0, 1_000, 4_000, 10_000];

/** A crash is forgotten after this many milliseconds. */
export const WINDOW = 180_000;

/**
 * How many milliseconds to wait before the next start, given the times of the crashes so far, the newest included, all in
 * milliseconds; `undefined` where it crashed too often lately to be started again unasked.
 */
export function delayAfter(crashes: readonly number[]): number | undefined {
    const now = crashes.at(-1) ?? 0;
    const lately = crashes.filter((time) => now - time < WINDOW);
    return DELAYS[Math.max(lately.length, 1) - 1];
}
