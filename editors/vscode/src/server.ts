/**
 * The server's life: it is found, started, configured, watched, started again after a crash, and stopped.
 *
 * It must not know how its state is shown.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import * as vscode from 'vscode';
import { CloseAction, ErrorAction, LanguageClient, type LanguageClientOptions } from 'vscode-languageclient/node';

import { delayAfter } from './backoff';
import { find, verify } from './find';
import { isPaused, pathOf, settings } from './configuration';

/** What the server is doing, as `codegemma/status` says it. */
export interface Status {
    state: 'loading' | 'ready' | 'busy' | 'off' | 'error';
    message: string;
    model?: string | null;
    /** Percent of the loading that is done. */
    progress?: number;
    lastRequest?: { source: string; reason?: string | null; reason_text?: string; generated_tokens: number; prefill_ms: number; decode_ms: number };
    /** Whether the user has to do something, which is then offered. */
    needsHelp?: boolean;
}

/** Where the documents and notebooks are that are completed. */
export const SCHEMES = ['file', 'untitled'];

/** A server that does not end by itself in this many milliseconds is ended. */
const GRACE = 2_000;

/** So many of the server's last words are kept for the message after a crash. */
const LAST_WORDS = 3;

/** The library's client, whose own notifications are left to the log: this extension says what happened, and what helps. */
class Client extends LanguageClient {
    override error(message: string, data?: unknown): void {
        super.error(message, data, false);
    }
}

/** One server, and the client in front of it. */
interface Running {
    client: Client;
    process: ChildProcess | undefined;
    words: string[];
    stopping: boolean;
}

export class Server implements vscode.Disposable {
    private readonly emitter = new vscode.EventEmitter<Status>();
    /** Fires on each change of the status. */
    readonly onStatus = this.emitter.event;
    /** The path of the server that was started last. */
    program: string | undefined;
    /** The newest status. */
    status: Status = { state: 'loading', message: 'The server starts.' };

    private running: Running | undefined;
    private crashes: number[] = [];
    private again: NodeJS.Timeout | undefined;
    /** Starts and stops wait for one another. */
    private queue: Promise<void> = Promise.resolve();

    constructor(
        private readonly context: vscode.ExtensionContext,
        private readonly log: vscode.LogOutputChannel,
    ) {}

    /** Starts the server, or another one instead of the one that runs; crashes so far are forgiven. */
    restart(): Promise<void> {
        this.crashes = [];
        return this.enqueue(async () => {
            await this.stopNow();
            await this.startNow();
        });
    }

    /** Stops the server, and does not come back before its process has ended. */
    stop(): Promise<void> {
        return this.enqueue(() => this.stopNow());
    }

    dispose(): void {
        clearTimeout(this.again);
        this.emitter.dispose();
    }

    /** Writes a line into the log. */
    note(line: string): void {
        this.log.info(line);
    }

    /** Tells the server what the user set. */
    async configure(): Promise<void> {
        const { section } = this.settings();
        await this.running?.client.sendNotification('workspace/didChangeConfiguration', { settings: { codegemma: section } });
    }

    /** Runs one of the server's commands. */
    execute(command: string, argument: unknown): Promise<unknown> {
        if (this.running === undefined) {
            return Promise.reject(new Error('The server is not running.'));
        }
        return this.running.client.sendRequest('workspace/executeCommand', { command, arguments: [argument] });
    }

    private enqueue(step: () => Promise<void>): Promise<void> {
        this.queue = this.queue.then(step).catch((error) => this.log.error(error));
        return this.queue;
    }

    private set(status: Status): void {
        this.status = status;
        this.emitter.fire(status);
    }

    private fail(message: string): void {
        this.log.error(message);
        this.set({ state: 'error', message, needsHelp: true });
    }

    private settings(): ReturnType<typeof settings> {
        const checked = settings(this.context);
        for (const problem of checked.problems) {
            this.log.warn(problem);
            void vscode.window.showWarningMessage(problem, 'Open Settings').then((answer) => {
                if (answer !== undefined) {
                    void vscode.commands.executeCommand('workbench.action.openSettings', problem.split(/[:\s[]/)[0]);
                }
            });
        }
        return checked;
    }

    private async startNow(): Promise<void> {
        this.set({ state: 'loading', message: 'The server starts.' });
        const { args, section, serverPath } = this.settings();
        let program: string;
        try {
            program = find(serverPath, this.context.asAbsolutePath('server'), pathOf(process.env));
            await verify(program, this.context.extension.packageJSON.version);
        } catch (error) {
            this.fail(error instanceof Error ? error.message : String(error));
            return;
        }
        this.program = program;
        this.log.info(`Starting ${[program, ...args].join(' ')}`);
        const running: Running = { client: undefined as never, process: undefined, words: [], stopping: false };
        const serve = async (): Promise<ChildProcess> => {
            running.process = spawn(program, args, { stdio: 'pipe' });
            return running.process;
        };
        const options: LanguageClientOptions = {
            documentSelector: SCHEMES.flatMap((scheme) => [{ scheme }, { notebook: { scheme } }]),
            outputChannel: this.log,
            stdioOptions: { stdout: () => {}, stderr: (stream) => this.listen(stream, running) },
            initializationOptions: { ...section, trustWorkspace: vscode.workspace.isTrusted },
            initializationFailedHandler: () => false,
            errorHandler: {
                error: () => ({ action: ErrorAction.Continue, handled: true }),
                closed: () => {
                    this.ended(running);
                    return { action: CloseAction.DoNotRestart, handled: true };
                },
            },
            middleware: {
                // The popup has the same suggestions, for editors without ghost text.
                provideCompletionItem: () => undefined,
                provideInlineCompletionItems: (document, position, context, token, next) =>
                    isPaused(document.languageId) ? undefined : next(document, position, context, token),
            },
        };
        running.client = new Client('codegemma', 'CodeGemma', serve, options);
        running.client.onNotification('codegemma/status', (status: Status) => {
            if (running === this.running) {
                this.set({ ...status, needsHelp: status.state === 'error' });
            }
        });
        this.running = running;
        try {
            await running.client.start();
        } catch {
            this.ended(running);
        }
    }

    /** Logs what the server says on stderr, and remembers its last words. */
    private listen(stream: NodeJS.ReadableStream, running: Running): void {
        let rest = '';
        stream.setEncoding('utf8');
        stream.on('data', (text: string) => {
            const lines = (rest + text).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines.filter((line) => line.trim() !== '')) {
                this.log.info(line);
                running.words = [...running.words, line.trim()].slice(-LAST_WORDS);
            }
        });
    }

    /** A server's connection has closed, and nobody had asked for it. */
    private ended(running: Running): void {
        if (running.stopping || running !== this.running) {
            return;
        }
        this.running = undefined;
        void this.crashed(running);
    }

    private async crashed(running: Running): Promise<void> {
        const how = await exit(running.process);
        const said = running.words.length > 0 ? ` It said: ${running.words.join(' ')}` : '';
        this.log.error(`The server ended unexpectedly (${how}).${said}`);
        await running.client.dispose().catch(() => {});
        if (how === 'exit code 2') {
            // Its flags are wrong, and will be at the next start.
            this.fail(`The server refused its settings.${said}`);
            return;
        }
        this.crashes.push(Date.now());
        const delay = delayAfter(this.crashes);
        if (delay === undefined) {
            this.fail(
                `The server ended unexpectedly ${this.crashes.length} times in a row (${how}) and is not started again.${said}`,
            );
            return;
        }
        const when = delay === 0 ? 'now' : `in ${delay / 1_000} s`;
        this.set({ state: 'error', message: `The server ended unexpectedly (${how}) and starts again ${when}.${said}` });
        this.again = setTimeout(() => void this.enqueue(() => this.startNow()), delay);
    }

    private async stopNow(): Promise<void> {
        clearTimeout(this.again);
        const running = this.running;
        this.running = undefined;
        if (running === undefined) {
            return;
        }
        running.stopping = true;
        await running.client.dispose(GRACE).catch(() => {});
        const kill = setTimeout(() => running.process?.kill('SIGKILL'), GRACE);
        await exit(running.process);
        clearTimeout(kill);
    }
}

/** Waits until a process has ended, and says how. */
async function exit(process: ChildProcess | undefined): Promise<string> {
    if (process === undefined || process.pid === undefined) {
        return 'it could not be started';
    }
    if (process.exitCode === null && process.signalCode === null) {
        await new Promise((resolve) => process.once('exit', resolve));
    }
    return process.signalCode !== null ? `signal ${process.signalCode}` : `exit code ${process.exitCode}`;
}
