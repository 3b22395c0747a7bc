// What an editor shows of the names that most programs use: a sentence, and PyTorch's page.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.resolve(__dirname, '../..');
const FILE = path.join(__dirname, 'cases/hovers.ts');

// The name in question stands before the mark.
const PLACES = [
  'torch|;', 'nn|;', 'nn.Sequential|;', 'new nn.Sequential|();', 'data.DataLoader|;', 'optim|;', 'data|;',
  'torch.zeros|([2]);', 'torch.ones|([2]);', 'torch.rand|([2]);', 'torch.randn|([2]);', 'torch.arange|(2);', 'torch.linspace|(0, 1, 3);',
  'torch.cat|([x, x]);', 'torch.stack|([x, x]);', 'torch.where|(x, x, x);', 'torch.matmul|(x, x);', 'torch.exp|(x);', 'torch.eye|(2);',
  'x.add|(x);', 'x.sub|(x);', 'x.mul|(x);', 'x.div|(x);', 'x.matmul|(x);', 'x.sum|(0);', 'x.sum|({ dim: 0 });', 'x.mean|();', 'x.max|(0);', 'x.argmax|(1);',
  'x.view|(2, 3);', 'x.view|([2, 3]);', 'x.reshape|(2, 3);', 'x.flatten|(1);', 'x.permute|(1, 0);', 'x.transpose|(0, 1);', 'x.unsqueeze|(0);', 'x.squeeze|();',
  'x.exp|();', 'x.log|();', 'x.sqrt|();', 'x.relu|();', 'x.sigmoid|();', 'x.tanh|();', 'x.softmax|(1);', 'x.clamp|({ min: 0 });', 'x.pow|(2);',
  'x.detach|();', 'x.clone|();', 'x.eq|(1);', 'x.gt|(1);', 'x.gather|(0, x);', 'x.expand|([2, 3]);', 'x.add_|(1);', 'x.zero_|();', 'x.topk|(2);', 'x.sort|();',
  'nn.functional.conv2d|(x, x);', 'nn.functional.linear|(x, x);', 'nn.functional.maxPool2d|(x, 2);',
]; // prettier-ignore

// Comments of modules, which the build puts into the published types.
const MODULES = path.join(ROOT, 'lib/hovers.ts');
const texts: Readonly<Record<string, () => string>> = {
  [FILE]: () => text,
  [MODULES]: () => `export {};\n${readFileSync(path.join(ROOT, 'scripts/build/hovers.d.ts'), 'utf8')}`,
};

const HEAD = "import torch, { data, nn, optim, type Tensor } from 'torch-node';\ndeclare const x: Tensor;\n";
const text = HEAD + PLACES.map((place) => place.replace('|', '')).join('\n');

const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
  config: unknown;
};
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
const service = ts.createLanguageService({
  getCompilationSettings: () => ({ ...options, types: ['node'] }),
  getScriptFileNames: () => Object.keys(texts),
  getScriptVersion: () => '1',
  getScriptSnapshot: (file) => {
    if (file in texts) return ts.ScriptSnapshot.fromString(texts[file]!());
    return ts.sys.fileExists(file) ? ts.ScriptSnapshot.fromString(readFileSync(file, 'utf8')) : undefined;
  },
  getCurrentDirectory: () => ROOT,
  getDefaultLibFileName: (given) => ts.getDefaultLibFilePath(given),
  fileExists: (file) => file in texts || ts.sys.fileExists(file),
  readFile: (file) => ts.sys.readFile(file),
});
afterAll(() => service.dispose());

it.each(PLACES.map((place, line) => ({ place, line })))('$place', ({ place, line }) => {
  const starts = text.split('\n').slice(0, line + 2).join('\n').length + 1; // prettier-ignore
  const info = service.getQuickInfoAtPosition(FILE, starts + place.indexOf('|') - 1);
  expect(ts.displayPartsToString(info?.documentation)).toMatch(
    /^\S.*\(https:\/\/docs\.pytorch\.org\/docs\/stable\/[\w./#-]+\)/s,
  );
});
