// Makes folders and archives that look like libtorch, for tests.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { libraryFile } from '../../lib/install/locate.js';

export function temporaryFolder(): string {
  return mkdtempSync(path.join(os.tmpdir(), 'torch-node-test-'));
}

/** Writes files, given as a map from names to contents. */
export function write(folder: string, files: Record<string, string>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

/** The files of a small libtorch, without its version. */
export const libtorchFiles: Record<string, string> = {
  [`lib/${libraryFile('torch_cpu')}`]: 'cpu',
  [`lib/${libraryFile('c10')}`]: 'c10',
  [`lib/${libraryFile('torch')}`]: 'torch',
  'lib/libtorch_python.so': 'needs Python',
  'lib/libjitbackend_test.so': 'a test',
  'lib/libbackend_with_compiler.so': 'a test',
  'include/c10/core/Device.h': '// a header',
  'include/torch/testing/test_case.h': '// a header with test in its name',
};

/** A libtorch folder as it is found in the official zips. */
export function fakeLibtorch(folder: string, version = '2.13.0+cpu'): string {
  return write(folder, { ...libtorchFiles, 'build-version': `${version}\n` });
}

/** The files of a wheel of torch. */
export function wheelFiles(version = '2.13.0+cpu'): Record<string, string> {
  const inside = Object.entries(libtorchFiles).map(([name, content]) => [`torch/${name}`, content]);
  return {
    ...(Object.fromEntries(inside) as Record<string, string>),
    'torch/version.py': `__version__ = '${version}'\ncuda: Optional[str] = None\n`,
    'torch/nn/modules.py': 'class Module: pass',
    'torch-2.13.0.dist-info/METADATA': 'Name: torch',
  };
}

const zipper = `
import json, sys, zipfile
archive, entries = sys.argv[1], json.load(sys.stdin)
with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as z:
    for name, content in entries:
        if name.startswith('link:'):
            info = zipfile.ZipInfo(name[5:]); info.create_system = 3; info.external_attr = 0o120777 << 16
            z.writestr(info, content)
        elif content.startswith('latin1:'):
            z.writestr(name, content[7:].encode('latin1'))
        elif content.startswith('zeros:'):
            z.writestr(name, bytes(int(content[6:])))
        else:
            z.writestr(name, content)
`;

/**
 * Makes a zip, names taken as they are ('..' too); 'link:name' makes a symbolic link, and the content 'zeros:N' stands
 * for N bytes of nothing; 'latin1:...' for bytes.
 */
export function zip(archive: string, files: Record<string, string>): string {
  const input = JSON.stringify(Object.entries(files));
  const { status, stderr } = spawnSync('python3', ['-c', zipper, archive], { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return archive;
}

/** A folder with a python3 in it that is this shell script. To be put on the PATH. */
export function fakePython(folder: string, script: string): string {
  write(folder, { python3: `#!/bin/sh\n${script}\n` });
  chmodSync(path.join(folder, 'python3'), 0o755);
  return folder;
}

/** The bytes of a library (64-bit ELF) that is linked with these others, and holds nothing else. */
export function fakeElf(needed: readonly string[]): Buffer {
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join('')}`, 'latin1');
  const [headers, table] = [64, 64 + 2 * 56];
  const entries = [[5, table], ...needed.map((name) => [1, strings.indexOf(`\0${name}\0`) + 1]), [0, 0]];
  const dynamic = table + strings.length;
  const file = Buffer.alloc(dynamic + entries.length * 16);
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeBigUInt64LE(BigInt(headers), 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (index: number, type: number, offset: number, bytes: number) => {
    const at = headers + index * 56;
    file.writeUInt32LE(type, at);
    for (const [place, value] of [
      [8, offset],
      [16, offset],
      [32, bytes],
    ] as const)
      file.writeBigUInt64LE(BigInt(value), at + place);
  };
  segment(0, 1, 0, file.length);
  segment(1, 2, dynamic, entries.length * 16);
  strings.copy(file, table);
  entries.forEach(([tag, value], i) => {
    file.writeBigInt64LE(BigInt(tag!), dynamic + i * 16);
    file.writeBigUInt64LE(BigInt(value!), dynamic + i * 16 + 8);
  });
  return file;
}
