import assert from 'node:assert/strict';
import { test } from 'node:test';

import { explanation } from './explain';

test('every piece and the prompt are there, whatever is in them', () => {
    const page = explanation({
        prompt: 'a\n````\nb',
        pieces: [
            { source: 'open file', path: 'a|b.rs', tokens: 12, included: true, reason: 'imported' },
            { source: 'edit', tokens: 3, included: false, reason: 'too long' },
        ],
        anchor: { line: 3 },
        trigger: 'a line',
    });
    assert.match(page, /\| yes \| open file \| a\\\|b\.rs \| 12 \| imported \|/);
    assert.match(page, /\| no \| edit \|  \| 3 \| too long \|/);
    assert.match(page, /here: a line\n- Anchor: \{"line":3\}/);
    assert.ok(page.endsWith('\n`````\na\n````\nb\n`````\n'));
});

test('an answer of another form is an error, not an empty page', () => {
    for (const answer of [null, {}, { prompt: 'x' }, { prompt: 1, pieces: [] }, []]) {
        assert.throws(() => explanation(answer), /same release/);
    }
});
