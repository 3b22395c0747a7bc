// Files that hold tensors.
export { decodeNpy, encodeNpy, loadNpy, loadNpz, saveNpy, saveNpz } from './numpy.js';
export { decodeSafetensors, encodeSafetensors, loadSafetensors, saveSafetensors } from './safetensors.js';
export { load, save, type LoadOptions } from './torchFile.js';
