// Type tests: a file of TypeScript that is compiled and not run. What the compiler says of it is compared with the comments in
// it. `// @ts-expect-error TEXT` stands above a line that has to be an error whose message contains TEXT; `// type: TEXT`
// stands after an expression statement and says its type.
import path from 'node:path';
import ts from 'typescript';

const ROOT = path.resolve(__dirname, '../..');

/** An error or a type: on which line, and what was said of it. */
export interface Finding {
  readonly line: number;
  readonly text: string;
}

/**
 * The files as one program, compiled as the project's own are, but that the expected errors show. `texts` are files that are
 * not there.
 */
export function compile(files: readonly string[], texts: Readonly<Record<string, string>> = {}): ts.Program {
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const host = ts.createCompilerHost(options);
  const read = host.readFile.bind(host);
  const exists = host.fileExists.bind(host);
  host.fileExists = (file) => file in texts || exists(file);
  host.readFile = (file) =>
    files.includes(path.resolve(file))
      ? (texts[file] ?? read(file))?.replaceAll('// @ts-expect-error ', '// expect-error ')
      : read(file);
  return ts.createProgram({ rootNames: files, options: { ...options, types: ['node'] }, host });
}

/** What the comments of a file, as `compile` reads it, expect. */
export function expected(source: ts.SourceFile): { errors: Finding[]; types: Finding[] } {
  const find = (pattern: RegExp, offset: number): Finding[] =>
    source.text.split('\n').flatMap((text, i) => {
      const found = pattern.exec(text);
      return found === null ? [] : [{ line: i + offset, text: found[1]! }];
    });
  return { errors: find(/^\s*\/\/ expect-error (.+)$/, 2), types: find(/;\s*\/\/ type: (.+)$/, 1) };
}

/** The compiler's errors. */
export function errorsOf(program: ts.Program, source: ts.SourceFile): Finding[] {
  const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  return found.map(({ start = 0, messageText }) => ({
    line: source.getLineAndCharacterOfPosition(start).line + 1,
    text: ts.flattenDiagnosticMessageText(messageText, '\n'),
  }));
}

/** The types of the expression statements that end on the given lines. */
export function typesOf(program: ts.Program, source: ts.SourceFile, lines: readonly number[]): Finding[] {
  const checker = program.getTypeChecker();
  const out: Finding[] = [];
  const visit = (node: ts.Node): void => {
    const line = source.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
    if (ts.isExpressionStatement(node) && lines.includes(line))
      out.push({
        line,
        text: checker
          .typeToString(
            checker.getTypeAtLocation(node.expression),
            undefined,
            ts.TypeFormatFlags.NoTruncation,
          )
          .replaceAll('"', "'"),
      });
    ts.forEachChild(node, visit);
  };
  visit(source);
  return out;
}
