// The rules of `npm run lint` for TypeScript (with type information) and for the scripts (without).
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const node = Object.fromEntries(
  [
    ...['AbortController', 'AbortSignal', 'Buffer', 'TextDecoder', 'TextEncoder', 'URL', 'clearInterval'],
    ...['clearTimeout', 'console', 'fetch', 'globalThis', 'performance', 'process', 'queueMicrotask'],
    ...['setImmediate', 'setInterval', 'setTimeout', 'structuredClone'],
  ].map((name) => [name, 'readonly']),
);

// A value may come from another realm (Jest runs each test file in one, and so does node:vm), where every class has
// another identity.
const realms = {
  selector: "BinaryExpression[operator='instanceof']",
  message:
    'Objects may come from another realm, whose classes are other classes: use util.types, Array.isArray or a brand.',
};

export default tseslint.config(
  { ignores: ['build/', '**/dist/', 'node_modules/', 'prebuilds/', 'coverage/', 'lib/operators/generated/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    files: ['**/*.mjs', '**/*.js'],
    extends: [js.configs.recommended],
    languageOptions: { ecmaVersion: 2024, sourceType: 'module', globals: node },
    rules: {
      'no-restricted-syntax': ['error', realms],
      'no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['lib/**/*.ts', 'test/**/*.ts', 'examples/**/*.ts', 'experiments/**/*.ts'],
    extends: [js.configs.recommended, ...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-restricted-syntax': ['error', realms],
      // A rest parameter would show in the types that users see: expectNoMore() of lib/core/options.ts.
      'prefer-rest-params': 'off',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowArray: true },
      ],
      '@typescript-eslint/restrict-plus-operands': ['error', { allowNumberAndString: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { ignoreRestSiblings: true, argsIgnorePattern: '^_' }],
      // With noUncheckedIndexedAccess `!` is how code says that an index is within bounds.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Type parameters used once let a caller name a type.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // `this: void` says that a function may be passed on by itself.
      '@typescript-eslint/no-invalid-void-type': ['error', { allowAsThisParameter: true }],
      // `async` also makes a function fit a type that gives a promise.
      '@typescript-eslint/require-await': 'off',
      // Rejects nothing but process.env's entries here.
      '@typescript-eslint/no-dynamic-delete': 'off',
    },
  },
  {
    files: ['test/**/*.ts', 'experiments/*/test/**/*.ts'],
    // Jest's matchers (expect.objectContaining and its like) are of type any.
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    // Written as users write.
    files: ['test/programs/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
