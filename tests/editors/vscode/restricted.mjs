// A workspace that is not trusted, with settings that only a trusted one may have: a model, a server, files to leave out.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { FILES, OPEN_LINE } from './scenarios.mjs';

/** Writes the workspace. */
export function writeRestricted(workspace) {
    mkdirSync(join(workspace, '.vscode'));
    const settings = { 'codegemma.serverPath': '/bin/false', 'codegemma.model': '/nowhere/a.gguf', 'codegemma.exclude': ['*.py'] };
    writeFileSync(join(workspace, '.vscode/settings.json'), JSON.stringify(settings));
    writeFileSync(join(workspace, 'codegemma.toml'), 'model = "/nowhere/model.gguf"\n');
    writeFileSync(join(workspace, 'rectangle.py'), FILES['rectangle.py']);
}

export const restricted = {
    'a workspace that is not trusted chooses nothing': async (editor) => {
        await editor.page.locator('.statusbar-item', { hasText: 'Restricted Mode' }).waitFor();
        const message = await editor.message('a workspace must not choose a model');
        assert.match(message, /codegemma\.toml/);
        await editor.statusHas('CodeGemma: ready');
        const [program] = editor.commandLines().map(([first]) => first);
        assert.ok(program.startsWith(editor.folder), program);
        await editor.open('rectangle.py', OPEN_LINE);
        // VS Code asks nobody for suggestions in a new window at first.
        await editor.firstSuggestion();
        return message.slice(0, 200);
    },

    'a workspace that is trusted does': async (editor) => {
        await editor.command('Workspaces: Manage Workspace Trust');
        await editor.page.locator('.workspace-trust-editor a.monaco-button', { hasText: /^Trust/ }).first().click();
        await editor.statusHas('/nowhere/model.gguf', { patience: 30_000 });
        const words = editor.commandLines().flat();
        assert.ok(!words.includes('/nowhere/a.gguf'), 'no workspace sets what is set for a machine');
    },
};
