/**
 * What the server's `codegemma.explain` answers, as a page.
 *
 * Pure: it must not know VS Code.
 */

/** The scheme of such a page. */
export const SCHEME = 'codegemma-explanation';

interface Piece {
    source: string;
    path?: string | null;
    tokens: number;
    included: boolean;
    reason?: string | null;
}

interface Explained {
    prompt: string;
    pieces: Piece[];
    anchor?: unknown;
    trigger?: unknown;
}

/** The page in Markdown. Fails where the answer is none that this extension understands. */
export function explanation(answer: unknown): string {
    const { prompt, pieces, anchor, trigger } = (answer ?? {}) as Partial<Explained>;
    if (typeof prompt !== 'string' || !Array.isArray(pieces)) {
        throw new Error('the server answered in a form that this extension does not know; use both of the same release');
    }
    const rows = pieces.map((piece) =>
        [piece.included ? 'yes' : 'no', piece.source, piece.path ?? '', piece.tokens, piece.reason ?? '']
            .map((cell) => String(cell).replaceAll('|', '\\|'))
            .join(' | '),
    );
    // A fence that is longer than any in the prompt.
    const ticks = Math.max(2, ...[...prompt.matchAll(/`+/g)].map(([run]) => run.length));
    const fence = '`'.repeat(ticks + 1);
    return [
        '# What the model sees at the cursor',
        '',
        `- What is suggested here: ${inWords(trigger)}`,
        `- Anchor: ${inWords(anchor)}`,
        '',
        '| In | Source | Path | Tokens | Why |',
        '|---|---|---|---:|---|',
        ...rows.map((row) => `| ${row} |`),
        '',
        '## The prompt',
        '',
        fence,
        prompt,
        fence,
        '',
    ].join('\n');
}

function inWords(value: unknown): string {
    return typeof value === 'string' ? value : JSON.stringify(value ?? null);
}
