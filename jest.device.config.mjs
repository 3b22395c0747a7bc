// The tests that name a device, on the simulated accelerator (test/device): `npm run test:device`, and a part of `npm test`.
import usual from './jest.config.mjs';

const { globalSetup, testPathIgnorePatterns, ...rest } = usual;
export default {
  ...rest,
  roots: ['<rootDir>/test'],
  testMatch: [
    '<rootDir>/test/device/**/*.test.ts',
    '<rootDir>/test/amp/*.test.ts',
    '<rootDir>/test/checkpoints/{mapLocation,numpy}.test.ts',
    '<rootDir>/test/data/dataLoader.test.ts',
    '<rootDir>/test/program/graph.test.ts',
    '<rootDir>/test/tensor/{create,streams}.test.ts',
  ],
  setupFiles: ['<rootDir>/test/device/setup.ts'],
};
