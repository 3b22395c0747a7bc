// `npm run lint`: prettier and ESLint over the TypeScript and the scripts, clang-format over all C++ and
// clang-tidy over native/.
// `npm run format` (--write): prettier and clang-format put right what they find.
//
// TORCH_NODE_LINT_SKIP_TIDY=1 leaves clang-tidy out, TORCH_NODE_LINT_SKIP_CPP=1 all of C++. clang-tidy reads the commands of
// the last native build; a source that it found clean is not looked at again until the source, a header, the command or
// the rules have changed.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { run as runChild } from '../../dist/files/child.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const native = path.join(root, 'native');
const verdicts = path.join(root, 'build', 'lint');
const OLDEST_CLANG = 16;
const INSTALL = 'apt-get install clang-format-19 clang-tidy-19 (and clang-19, which makes it faster)';
const write = process.argv.includes('--write');

class Problem extends Error {}

/** Runs a command in the repository's folder. Gives its exit code and all it wrote. */
async function run(command, args) {
  const { code, stdout, stderr } = await runChild(command, args, { cwd: root });
  return { code, output: stdout + stderr };
}

/** Runs a tool that an npm package brings. */
async function tool(name, ...args) {
  const manifest = require.resolve(`${name}/package.json`);
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  const script = path.join(path.dirname(manifest), typeof bin === 'string' ? bin : bin[name]);
  const { code, output } = await run(process.execPath, [script, ...args]);
  if (code !== 0) throw new Problem(output.trim());
}

const scripts = () => readdirSync(root).filter((name) => name.endsWith('.mjs'));
const places = () => ['lib', 'test', 'scripts', 'bin', 'examples', 'experiments', ...scripts()];

const majorVersion = (command) => {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0 ? Number(/version (\d+)/.exec(stdout)?.[1] ?? 0) : 0;
};

/** A tool of LLVM's by the name of the version that the project is checked with, else by its plain name. */
function llvm(name) {
  const found = [`${name}-19`, name].find((command) => majorVersion(command) >= OLDEST_CLANG);
  if (!found) throw new Problem(`${name} ${OLDEST_CLANG} or later is needed: ${INSTALL}`);
  return found;
}

async function formatNative() {
  const files = ['native', 'test'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter((name) => /\.(c|cpp|h)$/.test(name))
      .map((name) => path.join(folder, name)),
  );
  const mode = write ? ['-i'] : ['--dry-run', '--Werror'];
  const { code, output } = await run(llvm('clang-format'), [...mode, ...files]);
  if (code !== 0) throw new Problem(`${output.trim()}${write ? '' : '\n(npm run format puts it right)'}`);
}

/** The arguments of a compile command that clang needs, without the outputs, and whether libtorch's headers come first. */
function clangCommand({ command, arguments: given }) {
  const words = given ?? command.match(/(?:[^\s"\\]|\\.|"(?:[^"\\]|\\.)*")+/g).map(unquote);
  const args = [];
  let libtorch = false;
  for (let i = 1; i < words.length; i++) {
    if (words[i] === '-include') libtorch = true; // GCC's precompiled header
    if (['-o', '-c', '-include'].includes(words[i])) i++;
    else if (!IN_GCC_ONLY.test(words[i])) args.push(words[i]);
  }
  return { args, libtorch };
}

const IN_GCC_ONLY = /^(-Winvalid-pch|-fpch-preprocess|-fno-predictive-commoning)$/;
const unquote = (word) => word.replace(/\\(.)|"/g, (_, escaped) => escaped ?? '');

/** libtorch's headers, compiled once for all files where there is a clang of clang-tidy's version; else as text. */
async function prelude(clangTidy, args, scratch) {
  const header = path.join(native, 'libtorch.h');
  const compiler = clangTidy.replace('clang-tidy', 'clang++');
  if (majorVersion(compiler) !== majorVersion(clangTidy)) return ['-include', header];
  const precompiled = path.join(scratch, 'libtorch.pch');
  const { code, output } = await run(compiler, [...args, '-x', 'c++-header', header, '-o', precompiled]);
  if (code !== 0) throw new Problem(output.trim());
  return ['-include-pch', precompiled];
}

async function tidyNative() {
  const database = path.join(root, 'build', 'compile_commands.json');
  if (!existsSync(database))
    throw new Problem('build/compile_commands.json is missing: npm run build:native');
  const clangTidy = llvm('clang-tidy');
  const files = readdirSync(native, { recursive: true });
  const sources = files.filter((name) => name.endsWith('.cpp'));
  const commands = new Map(
    JSON.parse(readFileSync(database, 'utf8')).map((entry) => [
      path.resolve(entry.directory, entry.file),
      clangCommand(entry),
    ]),
  );
  const headers = files.filter((name) => /\.(h|inc)$/.test(name));
  const shared = [path.join(root, '.clang-tidy'), ...headers.map((name) => path.join(native, name))];
  const jobs = sources.map((name) => {
    const file = path.join(native, name);
    const command = commands.get(file);
    if (!command)
      throw new Problem(`build/compile_commands.json does not know native/${name}: npm run build:native`);
    const hash = createHash('sha256').update(JSON.stringify([majorVersion(clangTidy), command]));
    for (const part of [...shared, file]) hash.update(readFileSync(part)).update('\0');
    const known = `${name.replaceAll(path.sep, '-')}.`;
    return { file, ...command, known, verdict: path.join(verdicts, known + hash.digest('hex').slice(0, 16)) };
  });
  const waiting = jobs.filter(({ verdict }) => !existsSync(verdict));
  const note = `${jobs.length - waiting.length} of ${jobs.length} sources known to be clean`;
  if (waiting.length === 0) return note;

  const scratch = mkdtempSync(path.join(tmpdir(), 'torch-node-lint-'));
  const findings = [];
  try {
    const any = waiting.find(({ libtorch }) => libtorch);
    const headersFirst = any ? await prelude(clangTidy, any.args, scratch) : [];
    const work = async () => {
      for (let job = waiting.shift(); job; job = waiting.shift()) {
        const first = job.libtorch ? headersFirst : [];
        const { code, output } = await run(clangTidy, ['--quiet', job.file, '--', ...job.args, ...first]);
        if (code === 0) remember(job);
        else findings.push(withoutCounts(output));
      }
    };
    await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  if (findings.length > 0) throw new Problem(findings.join('\n'));
  return note;
}

// "79009 warnings generated." counts what was found in libtorch's headers and not shown.
const withoutCounts = (output) =>
  output
    .split('\n')
    .filter((line) => !/^\d+ (warnings?|errors?)\b.*(generated|treated as errors?)\.?$/.test(line))
    .join('\n')
    .trim();

function remember({ known, verdict }) {
  mkdirSync(verdicts, { recursive: true });
  for (const old of readdirSync(verdicts))
    if (old.startsWith(known)) rmSync(path.join(verdicts, old), { force: true });
  writeFileSync(verdict, '');
}

let clean = true;
async function step(name, work) {
  const start = performance.now();
  const line = (word) =>
    console.log(`${name}: ${word}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
  try {
    const note = await work();
    line(note ? `clean (${note})` : 'clean');
  } catch (error) {
    clean = false;
    console.error(error.constructor === Problem ? error.message : error.stack);
    line('FAILED');
  }
}

const skipCpp = process.env.TORCH_NODE_LINT_SKIP_CPP === '1';
const skipTidy = skipCpp || process.env.TORCH_NODE_LINT_SKIP_TIDY === '1';
await step('prettier', () =>
  tool('prettier', write ? '--write' : '--check', '--log-level', 'warn', ...places()),
);
if (!write) await step('eslint', () => tool('eslint', ...places()));
if (skipCpp) console.log('clang-format, clang-tidy: left out, TORCH_NODE_LINT_SKIP_CPP=1');
else await step('clang-format', formatNative);
if (!write && !skipCpp) {
  if (skipTidy) console.log('clang-tidy: left out, TORCH_NODE_LINT_SKIP_TIDY=1');
  else await step('clang-tidy', tidyNative);
}
if (clean) console.log(write ? 'format: done' : 'lint: clean');
else process.exitCode = 1;
