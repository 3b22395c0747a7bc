// Tests are TypeScript, turned into CommonJS by swc; lib/ is tested from its sources, not from dist/.
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test', '<rootDir>/experiments/cifar10/test'],
  testMatch: ['**/*.test.ts'],
  // jest.device.config.mjs has those.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/device/'],
  transform: {
    '^.+\\.[jt]s$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  // Packages that are published as ES modules only have to be transformed too.
  transformIgnorePatterns: [
    '/node_modules/(?!(@observablehq|d3|d3-[^/]+|internmap|delaunator|robust-predicates|isoformat|interval-tree-1d|binary-search-bounds|fast-png|iobuffer|modern-tar|linkedom|cssomnom|uhyphen|css-select|css-what|boolbase|nth-check|htmlparser2|domhandler|domutils|domelementtype|dom-serializer|entities|commander)/)',
  ],
  moduleNameMapper: {
    '^torch-node$': '<rootDir>/lib/index.ts',
    '^torch-node/models$': '<rootDir>/lib/models/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // d3 says it is d3.mjs, which Jest never transforms; beside it lies the same as CommonJS.
    '^d3$': '<rootDir>/node_modules/d3/dist/d3.js',
  },
  testTimeout: 60_000,
  globalSetup: '<rootDir>/test/support/python.mjs',
  reporters: ['default', '<rootDir>/test/support/summary.mjs'],
};
