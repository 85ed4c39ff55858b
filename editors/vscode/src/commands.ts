/**
 * The commands of the extension, and the menu that offers them.
 *
 * It must not know the protocol beyond the server's commands.
 */

import * as vscode from 'vscode';

import { isLanguageOff, isOff, setLanguageOff, setOff } from './configuration';
import { explanation, SCHEME } from './explain';
import type { Picker } from './picker';
import type { Server } from './server';

/** Registers all commands. */
export function register(server: Server, picker: Picker, log: vscode.LogOutputChannel): vscode.Disposable {
    let explained = '';
    const changed = new vscode.EventEmitter<vscode.Uri>();
    const explain = async (): Promise<void> => {
        const editor = vscode.window.activeTextEditor;
        if (editor === undefined) {
            void vscode.window.showInformationMessage('CodeGemma: open a document and put the cursor where to explain.');
            return;
        }
        const { line, character } = editor.selection.active;
        const at = { uri: editor.document.uri.toString(), position: { line, character } };
        try {
            explained = explanation(await server.execute('codegemma.explain', at));
        } catch (error) {
            const why = error instanceof Error ? error.message : String(error);
            const restart = 'Restart';
            const answer = await vscode.window.showErrorMessage(`CodeGemma cannot explain this place: ${why}`, restart);
            return answer === restart ? server.restart() : undefined;
        }
        const uri = vscode.Uri.from({ scheme: SCHEME, path: '/Explanation.md' });
        changed.fire(uri);
        const document = await vscode.workspace.openTextDocument(uri);
        await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true });
    };
    const commands: Record<string, () => unknown> = {
        'codegemma.showMenu': () => showMenu(),
        'codegemma.pause': () => setOff(true),
        'codegemma.resume': () => setOff(false),
        'codegemma.toggleLanguage': () => {
            const language = vscode.window.activeTextEditor?.document.languageId;
            return language && setLanguageOff(language, !isLanguageOff(language));
        },
        'codegemma.restartServer': () => server.restart(),
        'codegemma.chooseModel': () => picker.choose(),
        'codegemma.openSettings': () => vscode.commands.executeCommand('workbench.action.openSettings', 'codegemma.'),
        'codegemma.showLog': () => log.show(),
        'codegemma.explainSuggestion': explain,
    };
    return vscode.Disposable.from(
        changed,
        vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
            onDidChange: changed.event,
            provideTextDocumentContent: () => explained,
        }),
        ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(name, run)),
    );
}

async function showMenu(): Promise<void> {
    const language = vscode.window.activeTextEditor?.document.languageId;
    const items = [
        isOff()
            ? { label: '$(play) Resume', command: 'codegemma.resume' }
            : { label: '$(debug-pause) Pause', command: 'codegemma.pause' },
        ...(language === undefined
            ? []
            : [
                  {
                      label: isLanguageOff(language)
                          ? `$(play) Resume for ${language}`
                          : `$(debug-pause) Pause for ${language}`,
                      command: 'codegemma.toggleLanguage',
                  },
              ]),
        { label: '$(debug-restart) Restart', command: 'codegemma.restartServer' },
        { label: '$(package) Choose model…', command: 'codegemma.chooseModel' },
        { label: '$(question) Explain this suggestion', command: 'codegemma.explainSuggestion' },
        { label: '$(output) Show log', command: 'codegemma.showLog' },
        { label: '$(gear) Settings', command: 'codegemma.openSettings' },
    ];
    const chosen = await vscode.window.showQuickPick(items, { title: 'CodeGemma' });
    if (chosen !== undefined) {
        await vscode.commands.executeCommand(chosen.command);
    }
}
