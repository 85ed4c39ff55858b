import assert from 'node:assert/strict';
import { test } from 'node:test';

import { delayAfter, WINDOW } from './backoff';

test('each crash is waited for longer, and the fifth is the last', () => {
    const crashes: number[] = [];
    const delays = [0, 10, 20, 30, 40].map((time) => {
        crashes.push(time);
        return delayAfter(crashes);
    });
    assert.deepEqual(delays, [0, 1_000, 4_000, 10_000, undefined]);
});

test('crashes of long ago do not count', () => {
    assert.equal(delayAfter([0, 1, 2, 3, WINDOW + 3]), 0);
    assert.equal(delayAfter([0, 1, 2, 3, WINDOW + 2]), 1_000);
});
