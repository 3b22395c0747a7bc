// The zip of PyTorch's files since version 1.6: one folder with a pickle and the bytes of each storage. Read as strictly as
// Python's reader and more, so that whoever looks into an archive sees what is loaded.
import type { RandomAccess } from '../../files/randomAccess.js';
import { zipEntries, type ZipEntry } from '../../files/zipReader.js';

/** The versions of the format that there are. */
const VERSIONS = { least: 1, most: 10 };
// What compressed entries may claim, as a multiple of the file's size. torch.save compresses nothing.
const MOST_EXPANDED = 16;

export class Archive {
  readonly #entries: ReadonlyMap<string, ZipEntry>;

  /** Throws an Error that says what is wrong with an archive. */
  constructor(bytes: RandomAccess) {
    const entries = zipEntries(bytes, { checksumsOptional: true });
    const size = entries.reduce((sum, entry) => sum + entry.size, 0);
    if (size > MOST_EXPANDED * bytes.size)
      throw new Error(`its entries are compressed, and claim ${size} bytes, the file has ${bytes.size}`);
    const root = entries[0]?.name.split('/')[0] ?? '';
    const found = new Map<string, ZipEntry>();
    // PyTorch's reader finds names whatever the case of their letters.
    const folded = new Set<string>();
    for (const entry of entries) {
      if (!entry.name.startsWith(`${root}/`))
        throw new Error(`its entries do not lie in one folder: ${entries[0]!.name} and ${entry.name}`);
      const lower = entry.name.toLowerCase();
      if (folded.has(lower)) throw new Error(`it has two entries of the name ${entry.name}`);
      folded.add(lower);
      if (entry.link) throw new Error(`${entry.name} is a symbolic link`);
      found.set(entry.name.slice(root.length + 1), entry);
    }
    this.#entries = found;
    if (!found.has('data.pkl') && !found.has('model.json'))
      throw new Error(`it has no data.pkl in its folder, ${root === '' ? 'nor a folder' : root}`);
    this.#checkVersion();
  }

  #checkVersion(): void {
    const entry = this.get('.data/version') ?? this.get('version');
    if (entry === undefined) throw new Error('it does not say the version of its format');
    const text = entry.size > 32 ? '' : entry.read().toString('latin1');
    const version = /^\s*\+?\d+/.test(text) ? Number.parseInt(text, 10) : NaN;
    if (!(version >= VERSIONS.least && version <= VERSIONS.most))
      throw new Error(
        `the version of its format is ${Number.isNaN(version) ? 'no number' : version}, from ${VERSIONS.least} to ${VERSIONS.most} are understood`,
      );
  }

  /** An entry by its name inside the folder. */
  get(name: string): ZipEntry | undefined {
    return this.#entries.get(name);
  }
  entries(): Iterable<[name: string, entry: ZipEntry]> {
    return this.#entries;
  }
  /** Whether it has code in it, and is torch.jit.load's. */
  get isScript(): boolean {
    return this.#entries.has('constants.pkl') || this.#entries.has('model.json');
  }
  /** Whether its numbers are big endian. */
  get isBigEndian(): boolean {
    const entry = this.get('byteorder');
    if (entry === undefined) return false;
    const order = entry.size > 6 ? '' : entry.read().toString('latin1');
    if (order !== 'little' && order !== 'big')
      throw new Error('the order of its bytes is neither little nor big');
    return order === 'big';
  }
}
