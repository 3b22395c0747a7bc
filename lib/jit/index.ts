// TorchScript: archives that torch.jit.save wrote, loaded, run and trained.
export { isScriptModule, load, loadAsync, type LoadOptions, type ScriptModule } from './script.js';
