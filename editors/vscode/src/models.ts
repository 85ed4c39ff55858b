/**
 * The models of this machine, and pulling others: `codegemma-complete` is asked, so that the server needs no network.
 *
 * It must not know VS Code.
 */

import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The command line's name on this platform. */
const NAME = process.platform === 'win32' ? 'codegemma-complete.exe' : 'codegemma-complete';

/** A list takes no longer, in milliseconds. */
const PATIENCE = 20_000;

/** What lies on this machine. */
export interface Model {
    name: string;
    path: string | null;
    source: string;
    quantization: string;
    bytes: number;
    fill_in_the_middle: boolean;
    fits: boolean;
}

/** What could be pulled. */
export interface Available {
    name: string;
    repository: string;
    purpose: string;
    quantization: string;
    bytes: number;
    gated: boolean;
    runs: boolean;
}

export interface Listing {
    models: Model[];
    available: Available[];
}

/** How a pull goes: `bytes` of `total`. */
export type Progress = (bytes: number, total: number) => void;

/** The command line beside a server; the one on the PATH where there is none. */
export function commandLine(server: string): string {
    const beside = join(dirname(server), NAME);
    return existsSync(beside) ? beside : NAME;
}

/** What is here and what could be. */
export async function list(program: string): Promise<Listing> {
    const options = { timeout: PATIENCE, maxBuffer: 1 << 24 };
    const { stdout } = await promisify(execFile)(program, ['model', 'list', '--all', '--json'], options);
    const listing = JSON.parse(stdout) as Partial<Listing>;
    return { models: listing.models ?? [], available: listing.available ?? [] };
}

/** What a pull says in a line of JSON; nothing where the line says something else. */
export function event(line: string): { event: string; bytes?: number; total?: number; name?: string; message?: string } | undefined {
    try {
        const value = JSON.parse(line);
        return typeof value === 'object' && value !== null && typeof value.event === 'string' ? value : undefined;
    } catch {
        return undefined;
    }
}

/** Pulls a model, whose licence the user has accepted, and gives its name. It ends where `signal` says so; what is there stays, and the next pull goes on. */
export function pull(program: string, name: string, progress: Progress, signal: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
        const child = spawn(program, ['model', 'pull', name, '--yes', '--json'], { stdio: ['ignore', 'pipe', 'pipe'], signal });
        let [rest, done, failed, words] = ['', '', '', ''];
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
            const lines = (rest + text).split('\n');
            rest = lines.pop() ?? '';
            for (const told of lines.map(event)) {
                if (told?.event === 'progress') {
                    progress(told.bytes ?? 0, told.total ?? 0);
                } else if (told?.event === 'done') {
                    done = told.name ?? name;
                } else if (told?.event === 'error') {
                    failed = told.message ?? '';
                }
            }
        });
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
            words = (words + text).slice(-2_000);
        });
        child.on('error', reject);
        child.on('close', (code) => {
            if (done !== '') {
                resolve(done);
            } else {
                reject(new Error(failed || words.trim().split('\n').pop() || `codegemma-complete ended with exit code ${code}`));
            }
        });
    });
}

/** A size as it stands on the pages that models come from. */
export function size(bytes: number): string {
    return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
