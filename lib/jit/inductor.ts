// AOTInductor: models that Python compiled ahead of time.
export {
  aotiLoadPackage,
  aotiLoadPackageAsync,
  type CompiledModel,
  type PackageOptions,
} from './inductorPackage.js';
