// What is written by hand and not to be generated: the members of class Tensor and the names that lib/torch.ts exports.
import { readFileSync } from 'node:fs';
import ts from 'typescript';

const parse = (file) => ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ES2023);

/** Names of class Tensor's members. */
export function tensorMembers(file) {
  const tensor = parse(file).statements.find(
    (node) => ts.isClassDeclaration(node) && node.name.text === 'Tensor',
  );
  const named = tensor.members.filter((member) => member.name && ts.isIdentifier(member.name));
  return new Set(named.map((member) => member.name.text));
}

/** Names that a module exports one by one. */
export function exportedNames(file) {
  const out = new Set();
  for (const node of parse(file).statements) {
    if (!ts.isExportDeclaration(node) || node.exportClause === undefined) continue;
    if (ts.isNamespaceExport(node.exportClause)) out.add(node.exportClause.name.text);
    else for (const { name } of node.exportClause.elements) out.add(name.text);
  }
  return out;
}
