/** Who may import whom: four leaves that know nobody, one server that knows them all, a load tester that knows the wire. */
const leaf = (name, own) => ({
  name: `${name}-is-a-leaf`,
  comment: `@exai/${name} declares the shape it needs and imports no other package of this workspace`,
  severity: 'error',
  from: { path: `^packages/${name}/src` },
  to: { path: '^(packages/|node_modules/@exai/|@exai/)', pathNot: [`^packages/${name}/`, ...own] },
});

module.exports = {
  forbidden: [
    leaf('semaphore', []),
    leaf('providers', []),
    leaf('workflow', []),
    leaf('metrics', []),
    {
      name: 'loadtest-speaks-the-wire-only',
      severity: 'error',
      from: { path: '^packages/loadtest/src' },
      to: {
        path: '^packages/(semaphore|providers|workflow|metrics|server)/',
        pathNot: '^packages/server/src/protocol/',
      },
    },
    {
      name: 'protocol-is-nothing-else',
      severity: 'error',
      from: { path: '^packages/server/src/protocol/' },
      to: { path: '^packages/', pathNot: '^packages/server/src/protocol/' },
    },
    {
      name: 'client-knows-only-the-protocol',
      severity: 'error',
      from: { path: '^packages/server/src/client/' },
      to: { path: '^packages/', pathNot: '^packages/server/src/(protocol|client)/' },
    },
    {
      name: 'prom-client-stays-in-metrics',
      severity: 'error',
      from: { path: '^packages/(?!metrics)[^/]+/src' },
      to: { path: 'prom-client|@prometheus-io/client' },
    },
    {
      name: 'no-path-into-another-package',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'no-cycle',
      severity: 'error',
      from: { path: '^packages/[^/]+/src' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'src-imports-no-test', severity: 'error', from: { path: '/src/' }, to: { path: '/(test|bench)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/dist/' },
    tsConfig: { fileName: 'tsconfig.base.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@exai/source', 'import', 'types', 'default'],
    },
  },
};
