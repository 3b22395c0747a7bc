// Files that hold tensors.
export { decodeNpy, encodeNpy, loadNpy, loadNpz, saveNpy, saveNpz } from './numpy.js';
export { decodeSafetensors, encodeSafetensors, loadSafetensors, saveSafetensors } from './safetensors.js';
export { load, type LoadOptions, type MapLocation } from './pytorch/load.js';
export { save } from './pytorch/save.js';
export type { Named } from './records.js';
export type { Source } from './source.js';
