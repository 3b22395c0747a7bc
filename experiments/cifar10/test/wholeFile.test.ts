// A file that cannot be written whole leaves the old one as it was.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { itWhen } from '../../../test/support/skip.js';
import { writeWhole } from '../lib/wholeFile.js';

const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;

itWhen(mayMount, 'only root can make a small disk')(
  'a full disk leaves the old file as it was, and the error says what to do',
  async () => {
    const disk = mkdtempSync(path.join(os.tmpdir(), 'torch-node-disk-'));
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', disk]);
    try {
      expect(status).toBe(0);
      const file = path.join(disk, 'checkpoint');
      const old = Buffer.alloc(100 * 1024, 1);
      await writeWhole(file, old);
      const { bsize, bfree } = statfsSync(disk);
      const error: unknown = await writeWhole(file, Buffer.alloc(bsize * bfree + 1, 2)).catch(
        (e: unknown) => e,
      );
      expect(error).toMatchObject({ name: 'RunError' });
      expect((error as Error).message).toMatch(
        /checkpoint could not be written: ENOSPC.*make room.*--resume/,
      );
      expect(readFileSync(file).equals(old)).toBe(true);
      expect(readdirSync(disk)).toEqual(['checkpoint']);
    } finally {
      spawnSync('umount', [disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  },
);
