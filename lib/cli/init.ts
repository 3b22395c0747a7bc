// `torch-node init`: writes a project that trains at once.
import type { Command } from 'commander';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, errorText } from '../files/cache.js';
import { packageRoot } from '../native/addons.js';

/** The names of the template's files, and what they are called in a project; npm leaves .gitignore out of packages. */
const files: Readonly<Record<string, string>> = {
  'README.md': 'README.md',
  gitignore: '.gitignore',
  'tsconfig.json': 'tsconfig.json',
  'src/train.ts': 'src/train.ts',
};

/** Adds the command `init`. It ends with exit code 1 when the folder is not empty or cannot be written. */
export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('write a small project that trains at once')
    .argument('<folder>', 'the folder to make; it may be there if it is empty')
    .action(async (folder: string) => {
      try {
        await writeProject(folder);
        const steps = ['npm install', 'npm start'].map((step) => `  ${step}`).join('\n');
        console.log(`A project is in ${path.resolve(folder)}. To train:\n\n  cd ${quote(folder)}\n${steps}`);
      } catch (error) {
        console.error(errorText(error));
        process.exitCode = 1;
      }
    });
}

/** Writes the template into a folder. Rejects when there is something in it. */
export async function writeProject(folder: string): Promise<void> {
  const place = path.resolve(folder);
  if (folder === '')
    throw new Error('The name of the folder is empty. Give one, as in torch-node init my-net.');
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    const isFile = ['EEXIST', 'ENOTDIR'].includes(errorCode(error) ?? '');
    throw new Error(
      `${place} cannot be made: ${isFile ? 'a file is in its way' : errorText(error)}. Give another folder.`,
      { cause: error },
    );
  }
  const present = await readdir(folder);
  if (present.length > 0) {
    throw new Error(`${place} is not empty (it holds ${present[0]}). Give a folder that is.`);
  }
  const name = packageName(folder);
  const own = JSON.parse(await readFile(path.join(packageRoot(), 'package.json'), 'utf8')) as {
    version: string;
    devDependencies: { typescript: string };
  };
  const manifest = {
    name,
    version: '0.0.0',
    private: true,
    type: 'module',
    scripts: { prestart: 'torch-node install', start: 'tsc && node dist/train.js' },
    dependencies: { 'torch-node': `^${own.version}` },
    devDependencies: { typescript: own.devDependencies.typescript },
  };
  await writeFile(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  for (const [from, to] of Object.entries(files)) {
    const text = await readFile(path.join(packageRoot(), 'template', from), 'utf8');
    await mkdir(path.dirname(path.join(folder, to)), { recursive: true });
    await writeFile(path.join(folder, to), text.replaceAll('{name}', name));
  }
}

/** A folder's name as npm takes it for a package's. */
export function packageName(folder: string): string {
  const name = path
    .basename(path.resolve(folder))
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '');
  return name || 'experiment';
}

function quote(folder: string): string {
  return /^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder);
}
