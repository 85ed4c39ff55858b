// Ghost text where VS Code itself has more to say of a document than its text: beside its popup, and in notebooks.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { until } from './editor.mjs';

const BOX = `interface Box {
    depth: number;
    height: number;
    width: number;
}

export function volume(box: Box): number {
    return box
}
`;

/** Where it is not finished. */
const BOX_LINE = 8;

/** A notebook: text, and two cells of code, of which the second is to be finished. */
const cell = (type, source) => ({ cell_type: type, metadata: {}, source: [source], ...(type === 'code' && { execution_count: null, outputs: [] }) });
const NOTEBOOK = {
    cells: [cell('markdown', '# Prices'), cell('code', 'prices = [3, 4]'), cell('code', 'total = ')],
    metadata: { language_info: { name: 'python' } },
    nbformat: 4,
    nbformat_minor: 2,
};

/** The files of the workspace. */
export const FILES = {
    'popup.ts': BOX,
    'prices.ipynb': JSON.stringify(NOTEBOOK, null, 1),
};

export const popup = {
    'ghost text goes on with what is selected in the popup': async (editor) => {
        editor.settings({ 'editor.suggestOnTriggerCharacters': true });
        await editor.open('popup.ts', BOX_LINE);
        const selected = editor.page.locator('.suggest-widget.visible .monaco-list-row.focused');
        // TypeScript's own server takes a while to start.
        const opened = async () => {
            await editor.type('.');
            return (await selected.filter({ hasText: 'depth' }).waitFor({ timeout: 3_000 }).then(() => true, () => false)) || (await editor.press('Escape', 'Backspace'));
        };
        await until('TypeScript lists the members', opened, { patience: 60_000 });
        await until('the first entry goes on', async () => (await editor.ghost()) === 'depth * box.height * box.width;');
        await editor.press('ArrowDown');
        await selected.filter({ hasText: 'height' }).waitFor();
        await until('so does the second', async () => (await editor.ghost()) === 'height * box.width * box.depth;');
        await editor.type('he');
        await until('typing it changes nothing', async () => (await editor.ghost()) === 'ight * box.width * box.depth;');
        assert.equal(await selected.count(), 1, 'the popup is still open');
        // The first Tab is the popup's.
        await editor.press('Tab');
        await until('the entry is accepted', async () => (await editor.ghost()) === ' * box.width * box.depth;');
        await editor.press('Tab');
        const text = BOX.replace('return box\n', 'return box.height * box.width * box.depth;\n');
        assert.equal(await editor.saved('popup.ts'), text);
    },

    'a cell of a notebook is completed below the cells above it': async (editor) => {
        await editor.pick('prices.ipynb', 'prices.ipynb');
        await editor.press('Enter');
        const cells = editor.page.locator('.notebookOverlay .code-cell-row .monaco-editor');
        await until('the notebook is shown', async () => (await cells.count()) === 2, { patience: 30_000 });
        await cells.nth(1).locator('.view-line').first().click();
        await editor.page.locator('.notebookOverlay .monaco-editor.focused').waitFor();
        await editor.statusHas('CodeGemma: ready');
        await editor.press('End');
        const shown = async () => {
            await editor.type('s');
            const ghost = await editor.suggestion({ patience: 1_000 }).catch(() => '');
            return ghost !== '' ? ghost : void (await editor.press('Backspace'));
        };
        assert.equal(await until('the cell is completed', shown, { patience: 20_000 }), 'um(prices)');
        await editor.press('Tab', 'Control+S');
        const saved = () => {
            try {
                return JSON.parse(readFileSync(join(editor.workspace, 'prices.ipynb'), 'utf8')).cells[2].source.join('');
            } catch {
                // It is being written.
                return undefined;
            }
        };
        await until('it is saved', () => saved() === 'total = sum(prices)');
    },
};
