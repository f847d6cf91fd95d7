// Who may import whom (docs/architecture.md, Parts and their direction). A subsystem that is not named here imports nothing.
const MAY_IMPORT = {
  base: [],
  protocol: ['base'],
  conversation: ['base', 'protocol'],
  store: ['base', 'protocol'],
  feed: ['base', 'protocol', 'store'],
  'key-log': ['base', 'protocol', 'store', 'feed'],
  federation: ['base', 'protocol', 'conversation', 'store', 'feed', 'key-log'],
  node: ['base', 'protocol', 'conversation', 'store', 'feed', 'key-log', 'federation'],
  vault: ['base', 'protocol'],
  client: ['base', 'protocol', 'conversation', 'store', 'feed', 'key-log', 'federation', 'vault'],
  jmap: ['base', 'protocol', 'conversation', 'store', 'vault', 'client'],
  'hub-client': ['base', 'protocol'],
  hub: ['base', 'protocol', 'conversation', 'store', 'vault', 'client', 'jmap', 'hub-client'],
  'smtp-door': ['base', 'protocol', 'store', 'node', 'vault'],
};
const TESTS = '[.](test|contract)[.]ts$';
// The doors: index.ts, the vault's public half and its sealing alone, messages without JMAP, the Node edges of portable folders, and contracts for adapters' tests.
const DOORS =
  '(^src/[^/]+|^src/[^/]+/(mime|system|node|memory|sqlite|postgres))/index[.]ts$|^src/vault/(public|at-rest)[.]ts$|[.]contract[.]ts$';
const PORTABLE = '^src/(base|protocol|conversation|store|feed|key-log|vault|client)/';
const NODE_EDGES = '^src/(base/system|store/(sqlite|postgres)|vault/node|client/node|feed/node)/';

const directions = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `direction-of-${folder}`,
  comment: `${folder} may import ${allowed.join(', ') || 'no other subsystem'}: see docs/architecture.md.`,
  severity: 'error',
  from: { path: `^src/${folder}/`, pathNot: TESTS },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'servers-cannot-decrypt',
      comment: 'store, feed, key-log, federation and node import nothing of the vault, tests included.',
      severity: 'error',
      from: { path: '^src/(store|feed|key-log|federation|node)/' },
      to: { path: '^src/vault/' },
    },
    {
      name: 'smtp-door-cannot-decrypt',
      comment: 'The SMTP door stands on the side of servers: it encrypts, by restante/vault/public, and opens nothing.',
      severity: 'error',
      from: { path: '^src/smtp-door/', pathNot: TESTS },
      to: { path: '^src/vault/', pathNot: '^src/vault/public[.]ts$' },
    },
    {
      name: 'only-by-the-door',
      comment: 'Import another subsystem by its index.ts, not by a path within it.',
      severity: 'error',
      // A simulation drives the pure core of a subsystem itself.
      from: { path: '^src/([^/]+)/', pathNot: '^src/sim/' },
      to: { path: '^src/', pathNot: ['^src/$1/', DOORS] },
    },
    {
      name: 'base-by-the-door',
      comment:
        'Portable files do not import the Node edge of their own folder; that is for whoever assembles the program.',
      severity: 'error',
      from: { path: PORTABLE, pathNot: [NODE_EDGES, TESTS] },
      to: { path: NODE_EDGES },
    },
    {
      name: 'portable-without-node',
      comment: "Portable folders use ECMAScript and Web APIs only: put the adapter into the folder's Node edge.",
      severity: 'error',
      from: { path: PORTABLE, pathNot: [NODE_EDGES, TESTS] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'simulation-in-tests-only',
      comment: 'src/sim is for tests.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/sim/', TESTS] },
      to: { path: '^src/sim/' },
    },
    {
      name: 'no-test-in-the-product',
      comment: 'Product code does not import tests, contracts or the test harness.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/sim/', TESTS] },
      to: { path: `${TESTS}|^test/` },
    },
    {
      name: 'no-cycle',
      comment:
        'A cycle is one thing in several files, or a noun in the wrong file. Types alone may refer to each other.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-dev-dependency',
      comment: 'The installed package lacks devDependencies.',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/sim/', TESTS] },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'resolvable',
      comment: 'The file or package does not exist, or is not in package.json. What is built may not be there yet.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['unknown', 'undetermined', 'npm-no-pkg', 'npm-unknown'], pathNot: '^[./]*dist/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Packages under test/interop have dependencies of their own.
    exclude: { path: '^src/protocol/generated/|^test/interop/[^/]+/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
