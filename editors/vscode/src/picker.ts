/**
 * Choosing a model: one that lies on this machine, one that is pulled, or a file.
 *
 * It must not know where models are kept.
 */

import * as vscode from 'vscode';

import { model, setModel } from './configuration';
import { type Available, commandLine, type Listing, list, pull, size } from './models';
import type { Server, Status } from './server';

const TERMS = 'Gemma Terms of Use, https://ai.google.dev/gemma/terms';

/** The name under which the starter says what it is. */
const STARTER = 'codegemma-starter';

/** That the hint was shown, in what VS Code keeps for the extension. */
const HINTED = 'codegemma.modelHint';

interface Choice extends vscode.QuickPickItem {
    choose?: () => Thenable<void> | Promise<void>;
}

export class Picker implements vscode.Disposable {
    private readonly listener: vscode.Disposable;

    constructor(
        private readonly context: vscode.ExtensionContext,
        private readonly server: Server,
    ) {
        this.listener = server.onStatus((status) => void this.hint(status));
    }

    dispose(): void {
        this.listener.dispose();
    }

    /** Has the user choose. */
    async choose(): Promise<void> {
        const title = model() === '' ? 'Model: the starter' : `Model: ${model()}`;
        const chosen = await vscode.window.showQuickPick(this.choices(), { title, matchOnDescription: true });
        await chosen?.choose?.();
    }

    private async choices(): Promise<Choice[]> {
        const listing = await this.listing();
        const { models, available } = listing ?? { models: [], available: [] };
        const here = models
            .filter((one) => one.path !== null)
            .map((one): Choice => {
                const kind = one.fill_in_the_middle ? 'fills in the middle' : 'continues text only';
                const fits = one.fits ? '' : ', too large for this machine';
                return {
                    label: `$(package) ${one.name}`,
                    description: `${one.quantization}, ${size(one.bytes)}, ${kind}${fits}`,
                    choose: () => setModel(one.name),
                };
            });
        const pulled = available
            .filter((one) => one.runs && !one.gated && one.purpose === 'completion')
            .map((one): Choice => ({
                label: `$(cloud-download) ${one.name}`,
                description: `${one.quantization}, ${size(one.bytes)}`,
                choose: () => this.pull(one),
            }));
        const section = (label: string, items: Choice[]): Choice[] =>
            items.length === 0 ? [] : [{ label, kind: vscode.QuickPickItemKind.Separator }, ...items];
        const starter: Choice = {
            label: '$(rocket) The starter',
            description: 'a small model inside the server, to try everything at once',
            choose: () => setModel('starter'),
        };
        return [
            ...section('On this machine', [...here, starter]),
            ...section('Can be pulled', pulled),
            ...section('Elsewhere', [
                { label: '$(file) A GGUF file…', choose: () => browse(true) },
                {
                    label: '$(folder) A folder with config.json, safetensors and tokenizer.json…',
                    choose: () => browse(false),
                },
            ]),
        ];
    }

    /** What there is; nothing where the command line is not there or fails. */
    private async listing(): Promise<Listing | undefined> {
        try {
            return await list(commandLine(this.server.program ?? ''));
        } catch (error) {
            this.server.note(`The models of this machine cannot be listed: ${error instanceof Error ? error.message : String(error)}`);
            return undefined;
        }
    }

    private async pull(wanted: Available): Promise<void> {
        const detail = `${size(wanted.bytes)} from ${wanted.repository}. It is under the ${TERMS}.`;
        const accept = 'Accept and Pull';
        const answer = await vscode.window.showInformationMessage(`Pull ${wanted.name}?`, { modal: true, detail }, accept);
        if (answer !== accept) {
            return;
        }
        const location = vscode.ProgressLocation.Notification;
        const title = `CodeGemma: ${wanted.name}`;
        const cancelled = new AbortController();
        try {
            const name = await vscode.window.withProgress({ location, title, cancellable: true }, (progress, token) => {
                token.onCancellationRequested(() => cancelled.abort());
                let shown = 0;
                const show = (bytes: number, total: number): void => {
                    const percent = total > 0 ? (100 * bytes) / total : 0;
                    progress.report({ increment: percent - shown, message: `${size(bytes)} of ${size(total)}` });
                    shown = percent;
                };
                return pull(commandLine(this.server.program ?? ''), wanted.name, show, cancelled.signal);
            });
            await setModel(name);
        } catch (error) {
            if (!cancelled.signal.aborted) {
                const why = error instanceof Error ? error.message : String(error);
                void vscode.window.showErrorMessage(`CodeGemma: ${wanted.name} was not pulled: ${why}`);
            }
        }
    }

    /** Says once that there is something better than the starter, when that runs. */
    private async hint(status: Status): Promise<void> {
        if (status.state !== 'ready' || status.model !== STARTER || model() !== '' || this.context.globalState.get(HINTED)) {
            return;
        }
        await this.context.globalState.update(HINTED, true);
        const listing = await this.listing();
        const found = listing?.models.find((one) => one.path !== null && one.fill_in_the_middle && one.fits);
        const first = listing?.available.find((one) => one.runs && !one.gated && one.purpose === 'completion');
        const what = 'CodeGemma uses its starter, a small model to try everything with.';
        const use = found === undefined ? undefined : `Use ${found.name}`;
        const get = first === undefined ? undefined : `Pull ${first.name} (${size(first.bytes)})`;
        const offers = [use, use === undefined ? get : undefined, 'Choose Model'].filter((offer) => offer !== undefined);
        const answer = await vscode.window.showInformationMessage(what, ...offers);
        if (answer === undefined) {
            return;
        } else if (answer === use && found !== undefined) {
            await setModel(found.name);
        } else if (answer === get && first !== undefined) {
            await this.pull(first);
        } else {
            await this.choose();
        }
    }
}

async function browse(file: boolean): Promise<void> {
    const picked = await vscode.window.showOpenDialog({
        title: 'Choose a model',
        openLabel: 'Use this model',
        canSelectFiles: file,
        canSelectFolders: !file,
        ...(file ? { filters: { 'GGUF models': ['gguf'] } } : {}),
    });
    if (picked?.[0] !== undefined) {
        await setModel(picked[0].fsPath);
    }
}
