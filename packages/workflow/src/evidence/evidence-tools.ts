import { z } from 'zod';

import { evidenceTool } from '../evidence-tool.ts';
import type { EvidenceTool, ToolOutput } from '../evidence-tool.ts';
import { EvidenceError } from './evidence-error.ts';
import { gitDiff } from './git-diff.ts';
import { listFiles } from './list-files.ts';
import type { Observation } from './observation.ts';
import { readFile } from './read-file.ts';
import { MAX_PATH_LENGTH } from './roots.ts';
import { MAX_QUERY_LENGTH, searchText } from './search-text.ts';

const path = z.string().min(1).max(MAX_PATH_LENGTH);
const line = z.number().int().min(1);
/** What a listing, search or diff of everything is called in citations. */
const EVERYWHERE = '.';

/** Lists the files of the roots, or of one folder. */
export const listFilesTool: EvidenceTool = evidenceTool({
  name: 'list_files',
  description: 'List files with their size.',
  parameters: z.object({ path: path.optional().describe('Folder; default: everything') }),
  needsRoots: true,
  execute: (ask, { roots, signal }) => answer(ask.path ?? EVERYWHERE, () => listFiles(roots, ask, signal)),
});

/** Reads part of a text file, with line numbers. */
export const readFileTool: EvidenceTool = evidenceTool({
  name: 'read_file',
  description: 'Read a text file with line numbers, up to 400 lines at a time.',
  parameters: z.object({ path, start_line: line.optional(), end_line: line.optional() }),
  needsRoots: true,
  execute: (ask, { roots }) => answer(ask.path, () => readFile(roots, ask)),
});

/** Searches for literal text. */
export const searchTextTool: EvidenceTool = evidenceTool({
  name: 'search_text',
  description: 'Find lines that contain a literal text (no pattern), case ignored.',
  parameters: z.object({
    text: z.string().min(1).max(MAX_QUERY_LENGTH),
    path: path.optional().describe('File or folder; default: everything'),
    case_sensitive: z.boolean().optional(),
  }),
  needsRoots: true,
  execute: (ask, { roots, signal }) => answer(ask.path ?? EVERYWHERE, () => searchText(roots, ask, signal)),
});

/** Shows what changed in the working tree. */
export const gitDiffTool: EvidenceTool = evidenceTool({
  name: 'git_diff',
  description: 'Show uncommitted changes of tracked files (default: unstaged), with line numbers.',
  parameters: z.object({
    path: path.optional().describe('File or folder; default: everything'),
    compare_to: z.string().max(200).optional().describe('Commit or branch to compare with'),
    staged: z.boolean().optional(),
  }),
  needsRoots: true,
  execute: (ask, { roots, signal }) => answer(ask.path ?? EVERYWHERE, () => gitDiff(roots, ask, signal)),
});

/** The tools that look at files. They change nothing and are offered only when there is a root. */
export const fileTools: readonly EvidenceTool[] = [listFilesTool, readFileTool, searchTextTool];

/** {@link fileTools} and `git_diff`. */
export const evidenceTools: readonly EvidenceTool[] = [...fileTools, gitDiffTool];

/** A refusal is an answer for the model, marked as an error; an abort is not. */
async function answer(source: string, look: () => Promise<Observation>): Promise<ToolOutput> {
  try {
    const { text, evidence } = await look();
    return { content: text, source, evidence };
  } catch (error) {
    if (!EvidenceError.is(error) || error.code === 'ABORTED') throw error;
    return { content: `${error.code}: ${error.message}`, source, evidence: [], isError: true };
  }
}
