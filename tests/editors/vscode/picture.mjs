// The picture of the README. It is made anew only where it would show something else: the same text comes out a little
// different with each browser and font. What it shows is written into it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const PICTURE = join(import.meta.dirname, '../../../editors/vscode/ghost-text.png');

/** The most bytes that it may have. */
const MOST = 150_000;

export const pictured = {
    'the picture in the README shows this': async (editor) => {
        // All of it grey: so it is seen at once what is suggested.
        editor.settings({ 'editor.inlineSuggest.syntaxHighlightingEnabled': false });
        const line = 11;
        await editor.open('stack.py', line);
        await editor.press('Enter');
        const suggestion = await editor.suggestion();
        assert.equal(suggestion.split('\n').length, 3, suggestion);
        // The mouse makes a toolbar appear.
        await editor.page.mouse.move(0, 0);
        const group = editor.page.locator('.editor-group-container.active .editor-container');
        const shown = JSON.stringify(await group.evaluate(LOOK));
        const before = description(readFileSync(PICTURE));
        if (before === shown) {
            return 'as committed';
        }
        const box = await group.boundingBox();
        const clip = { x: box.x, y: box.y, width: Math.min(box.width, 640), height: Math.min(box.height, 300) };
        const picture = described(await editor.page.screenshot({ clip }), shown);
        assert.ok(picture.length < MOST, `the picture is too large: ${picture.length} bytes`);
        writeFileSync(PICTURE, picture);
        throw new Error(`${PICTURE} did not show what is shown now, and has been made anew: look at it, and commit it`);
    },
};

/** Runs in the page: what an editor shows, in words. */
function LOOK(group) {
    const plain = (text) => text.replaceAll('\u00a0', ' ').replaceAll('\u00b7', ' ');
    const lines = [...group.querySelectorAll('.view-line')].map((line) => [line.getBoundingClientRect().top, plain(line.textContent)]);
    const ghost = group.querySelector('[class*="ghost-text-decoration"]');
    const { backgroundColor, fontSize } = getComputedStyle(group.querySelector('.monaco-editor'));
    return {
        lines: lines.sort(([one], [other]) => one - other).map(([, text]) => text),
        ghost: ghost && getComputedStyle(ghost).color,
        size: getComputedStyle(group.querySelector('.view-line')).fontSize ?? fontSize,
        background: backgroundColor,
    };
}

const KEYWORD = 'Description\0';

/** The chunks of a PNG: the place of each, its type and its data. */
function* chunks(png) {
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
        const length = png.readUInt32BE(at);
        yield { at, type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) };
    }
}

/** What a PNG says that it shows. */
function description(png) {
    for (const { type, data } of chunks(png)) {
        if (type === 'tEXt' && data.toString('latin1').startsWith(KEYWORD)) {
            return data.toString('latin1', KEYWORD.length);
        }
    }
    return '';
}

/** The PNG with a description, in ASCII, before its end. */
function described(png, text) {
    const { at } = [...chunks(png)].find(({ type }) => type === 'IEND');
    const body = Buffer.from(`tEXt${KEYWORD}${text}`, 'latin1');
    const chunk = Buffer.alloc(body.length + 8);
    chunk.writeUInt32BE(body.length - 4);
    body.copy(chunk, 4);
    chunk.writeUInt32BE(crc32(body), body.length + 4);
    return Buffer.concat([png.subarray(0, at), chunk, png.subarray(at)]);
}
