import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (path: string): string => readFileSync(path, 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const workflow = (name: string) => parse(read(`.github/workflows/${name}`)) as Workflow;

interface Workflow {
  jobs: Record<
    string,
    { permissions?: Record<string, string>; strategy?: { matrix: { node: number[] } }; steps: Step[] }
  >;
}
interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
  env?: Record<string, string>;
}

describe('a release', () => {
  it.each(readdirSync('packages'))(
    'publishes @exai/%s in public, with provenance, licence and all it names',
    (name) => {
      const manifest = JSON.parse(read(`packages/${name}/package.json`));
      expect(manifest).toMatchObject({
        name: `@exai/${name}`,
        license: 'MIT',
        sideEffects: false,
        type: 'module',
        engines: { node: '>=20.19' },
        publishConfig: { access: 'public', provenance: true },
        scripts: { prepack: 'tsup' },
      });
      expect(manifest.files).toEqual(expect.arrayContaining(['dist', 'src', 'README.md', 'CHANGELOG.md']));
      expect(read(`packages/${name}/LICENSE`)).toBe(read('LICENSE'));
    },
  );

  it('is signed by the workflow itself: it may mint an identity, and keeps no token', () => {
    const { release } = workflow('release.yml').jobs;
    expect(release?.permissions).toMatchObject({ 'id-token': 'write' });
    expect(read('.github/workflows/release.yml')).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN/);
  });

  it('names @exai/loadtest wherever it names @exai/server, whose protocol the load tester carries', () => {
    for (const name of readdirSync('.changeset').filter((file) => file.endsWith('.md') && file !== 'README.md')) {
      const text = read(`.changeset/${name}`);
      const isApart = /protocol is unchanged/i.test(text);
      if (text.includes("'@exai/server'") && !isApart) expect(text, name).toContain("'@exai/loadtest'");
    }
  });
});

describe('the workflow files', () => {
  it.each(['ci.yml', 'release.yml'])('%s runs only scripts that exist', (name) => {
    const runs = Object.values(workflow(name).jobs).flatMap(({ steps }) => steps.map(({ run }) => run ?? ''));
    const named = runs.flatMap((run) => [...run.matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1] ?? ''));
    expect(named.filter((script) => !(script in scripts))).toEqual([]);
    expect(named.length).toBeGreaterThan(1);
  });

  it('test on every supported Node, everything on the oldest', () => {
    const { everything, others } = workflow('ci.yml').jobs;
    expect(everything?.steps.map((step) => step.with?.['node-version']).filter(Boolean)).toEqual([20]);
    expect(everything?.steps.some(({ run }) => run?.includes('.ci/run'))).toBe(true);
    expect(others?.strategy?.matrix.node).toEqual([22, 24]);
  });
});

describe('the container', () => {
  it('has no rights, and is asked for its health', () => {
    const file = read('Dockerfile');
    expect(file).toMatch(/^USER node$/m);
    expect(file).toMatch(/HEALTHCHECK[\s\S]*\/healthz/);
    expect(file.indexOf('USER node')).toBeLessThan(file.indexOf('CMD ["exai-server"'));
    expect(parse(read('compose.yaml')).services.exai).toMatchObject({ cap_drop: ['ALL'], read_only: true });
  });
});
