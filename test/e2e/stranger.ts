/** The place of somebody who installs the packages from npm: tarballs in an empty project, and the Node they have. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const root = new URL('../..', import.meta.url).pathname;

/** The Node a stranger has: this one, unless `npm run proof:packages` names another. */
export const node = process.env['EXAI_NODE'] ?? process.execPath;

/** What is asked of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** One module a stranger can import. */
export interface Entry {
  readonly specifier: string;
  readonly types: string;
  /** Optional peers of its package. */
  readonly peers: readonly string[];
}

export const folders: readonly string[] = readdirSync(join(root, 'packages'));

export const manifests: readonly Manifest[] = folders.map((name) =>
  JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')),
);

export const entries: readonly Entry[] = manifests.flatMap(({ name, exports, peerDependencies = {} }) =>
  Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'string'
      ? []
      : [{ specifier: name + path.slice(1), types: target.types, peers: Object.keys(peerDependencies) }],
  ),
);

/** How a program ended, and what it printed. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project outside the workspace with everything installed in one command. */
export class Stranger {
  readonly home: string = mkdtempSync(join(tmpdir(), 'exai-stranger-'));
  readonly #running: ChildProcess[] = [];
  readonly #env = { ...withoutOurs(process.env), PATH: `${dirname(node)}:${process.env['PATH']}` };

  /** Builds what is not built, packs the six packages, and installs them and `others` by one `npm install`. */
  async install(others: readonly string[]): Promise<void> {
    await promisify(execFile)(process.execPath, ['scripts/build.mjs'], { cwd: root });
    await Promise.all(folders.map((name) => this.#pack(name)));
    writeFileSync(join(this.home, 'package.json'), '{ "private": true }');
    const tarballs = readdirSync(this.home).filter((file) => file.endsWith('.tgz'));
    const words = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
    const { code, stderr } = await this.run('npm', [...words, ...tarballs.map((file) => `./${file}`), ...others]);
    if (code !== 0) throw new Error(`npm install ended with ${code}:\n${stderr}`);
  }

  path(...parts: string[]): string {
    return join(this.home, ...parts);
  }

  /** A new folder of the project, which sees what is installed. */
  folder(name: string, files: Readonly<Record<string, string>>): string {
    const folder = mkdtempSync(join(this.home, `${name}-`));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    return folder;
  }

  /** Runs a program to its end; one of ours is named as after `npx`. */
  async run(program: string, words: readonly string[], cwd: string = this.home): Promise<Ended> {
    try {
      const done = await promisify(execFile)(this.#find(program), words, { cwd, env: this.#env, timeout: 240_000 });
      return { code: 0, ...done };
    } catch (error) {
      const { code, stdout = '', stderr = String(error) } = error as Partial<Ended>;
      return { code: typeof code === 'number' ? code : -1, stdout, stderr };
    }
  }

  /** Starts a program and resolves with what it prints of `pattern`, 30 s at most. */
  async start(
    program: string,
    words: readonly string[],
    pattern: RegExp,
    env: Record<string, string> = {},
  ): Promise<string> {
    const child = spawn(this.#find(program), words, { cwd: this.home, env: { ...this.#env, ...env } });
    this.#running.push(child);
    let text = '';
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error(`${program} ${words.join(' ')} printed no ${pattern}:\n${text}`));
      const timer = setTimeout(fail, 30_000);
      const read = (chunk: Buffer): void => {
        text += chunk.toString();
        const found = pattern.exec(text)?.[0];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.on('exit', fail);
      child.on('error', fail);
    });
  }

  /** Ends what was started. */
  stop(): void {
    for (const child of this.#running.splice(0)) child.kill('SIGKILL');
  }

  #find(program: string): string {
    const bin = this.path('node_modules', '.bin', program);
    return existsSync(bin) ? bin : program;
  }

  /** Packs what is built: the hook that would build again is skipped. */
  async #pack(name: string): Promise<void> {
    const words = ['pack', '--config.ignore-scripts=true', '--pack-destination', this.home];
    await promisify(execFile)(join(root, 'node_modules/.bin/pnpm'), words, { cwd: join(root, 'packages', name) });
  }
}

/** No key, no setting of ours, and none of the flags under which this test may run. */
function withoutOurs(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = /^(ZAI|ZHIPUAI|MOONSHOT|KIMI|GLM|EXAI|SESSION|npm|VITEST|NODE_OPTIONS|NODE_ENV)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));
}
