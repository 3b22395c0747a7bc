// Where the package takes an object of options: read from its types, so that nothing exported is left out.
import path from 'node:path';
import ts from 'typescript';

/** A call of the package that takes options. */
export interface Place {
  /** As a user writes it: `torch.optim.Adam`, `torch.Tensor#backward`. */
  readonly name: string;
  /** The way from the package's exports to what is called. */
  readonly way: readonly string[];
  readonly kind: 'function' | 'class' | 'method';
  /** What comes before the options. */
  readonly before: readonly Sample[];
  /** The constructor's arguments, for a method. */
  readonly made: readonly Sample[];
  /** The options' names. */
  readonly known: readonly string[];
  /** Options that have to be given. */
  readonly needed: Readonly<Record<string, Sample>>;
}

/** A value of a type, in words that `sampleOf` understands. */
export type Sample =
  | { readonly is: 'value'; readonly value: unknown }
  | { readonly is: 'list'; readonly items: readonly Sample[] }
  | { readonly is: 'object'; readonly name: string };

const ROOT = path.resolve(__dirname, '../..');

/** All places of the package, each declaration once. */
export function optionPlaces(): Place[] {
  const { config } = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file));
  const { compilerOptions } = config as { compilerOptions: unknown };
  const { options } = ts.convertCompilerOptionsFromJson(compilerOptions, ROOT);
  const entries = { torch: 'lib/index.ts', models: 'lib/models/index.ts' };
  const files = Object.values(entries).map((file) => path.join(ROOT, file));
  const program = ts.createProgram(files, options);
  const walker = new Walker(program.getTypeChecker());
  Object.keys(entries).forEach((name, i) => {
    const source = program.getSourceFile(files[i]!)!;
    walker.module([name], walker.checker.getSymbolAtLocation(source)!);
  });
  return walker.places;
}

class Walker {
  readonly places: Place[] = [];
  readonly #seen = new Set<ts.Symbol>();
  readonly #declarations = new Set<ts.Node>();

  constructor(readonly checker: ts.TypeChecker) {}

  module(way: readonly string[], module: ts.Symbol): void {
    if (this.#isSeen(module)) return;
    for (const exported of this.checker.getExportsOfModule(module)) {
      if (exported.name === 'default') continue;
      const isAlias = (exported.flags & ts.SymbolFlags.Alias) !== 0;
      const symbol = isAlias ? this.checker.getAliasedSymbol(exported) : exported;
      const there = [...way, exported.name];
      if (symbol.flags & ts.SymbolFlags.ValueModule) this.module(there, symbol);
      else if (symbol.flags & ts.SymbolFlags.Value && !this.#isSeen(symbol)) this.#value(there, symbol);
    }
  }

  #isSeen(symbol: ts.Symbol): boolean {
    const seen = this.#seen.has(symbol);
    this.#seen.add(symbol);
    return seen;
  }

  #value(way: readonly string[], symbol: ts.Symbol): void {
    const type = this.#typeOf(symbol);
    for (const signature of type.getCallSignatures()) this.#call('function', way, signature);
    this.#members('function', way, type, 3);
    const isAbstract = symbol.declarations?.some(
      (each) => ts.getCombinedModifierFlags(each) & ts.ModifierFlags.Abstract,
    );
    if (!(symbol.flags & ts.SymbolFlags.Class) || isAbstract) return;
    const constructors = type.getConstructSignatures();
    for (const signature of constructors) this.#call('class', way, signature);
    const own = this.checker.getDeclaredTypeOfSymbol(symbol);
    this.#members('method', way, own, 0, (constructors[0]?.parameters ?? []).filter(isRequired));
  }

  #members(
    kind: 'function' | 'method',
    way: readonly string[],
    type: ts.Type,
    depth: number,
    constructor: readonly ts.Symbol[] = [],
  ): void {
    for (const member of this.checker.getPropertiesOfType(type)) {
      const declaration = member.valueDeclaration ?? member.declarations?.[0];
      if (declaration === undefined || /^(__[@#]|#|prototype$)/.test(member.name)) continue;
      const isHidden =
        ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected);
      if (isHidden || !isOurs(declaration)) continue;
      const memberType = this.checker.getNonNullableType(this.#typeOf(member));
      const signatures = memberType.getCallSignatures();
      for (const signature of signatures) this.#call(kind, [...way, member.name], signature, constructor);
      const isPlain = signatures.length === 0 && (memberType.flags & ts.TypeFlags.Object) !== 0;
      if (depth > 0 && isPlain && !memberType.isClass())
        this.#members(kind, [...way, member.name], memberType, depth - 1);
    }
  }

  #call(
    kind: Place['kind'],
    way: readonly string[],
    signature: ts.Signature,
    constructor: readonly ts.Symbol[] = [],
  ): void {
    const { declaration } = signature;
    if (
      declaration === undefined ||
      !isOurs(declaration) ||
      (kind !== 'function' && this.#declarations.has(declaration))
    )
      return;
    if (signature.getJsDocTags().some(({ name }) => name === 'internal')) return;
    this.#declarations.add(declaration);
    for (const [at, parameter] of signature.parameters.entries()) {
      const options = this.#partsOf(this.#typeOf(parameter)).find((type) => this.#isOptions(type));
      const name = kind === 'method' ? `${way.slice(0, -1).join('.')}#${way.at(-1)!}` : way.join('.');
      if (options === undefined) continue;
      const properties = this.checker.getPropertiesOfType(options);
      this.places.push({
        name,
        way,
        kind,
        before: signature.parameters.slice(0, at).map((each) => this.#sample(this.#typeOf(each))),
        made: constructor.map((each) => this.#sample(this.#typeOf(each))),
        known: properties.map(({ name }) => name),
        needed: Object.fromEntries(
          properties.filter(isRequired).map((each) => [each.name, this.#sample(this.#typeOf(each))]),
        ),
      });
    }
  }

  /** A type without null and undefined, a union as its members. */
  #partsOf(given: ts.Type): ts.Type[] {
    const type = this.checker.getNonNullableType(given);
    return type.isUnion() ? type.types : [type];
  }

  /** Whether a type is that of plain objects: no class, no function, no list, nothing with methods. */
  #isPlain(type: ts.Type): boolean {
    if (!(type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) || type.isClass()) return false;
    if (this.checker.isArrayType(type) || this.checker.isTupleType(type)) return false;
    if (type.getCallSignatures().length + type.getConstructSignatures().length > 0) return false;
    return !this.checker.getPropertiesOfType(type).some(({ flags }) => flags & ts.SymbolFlags.Method);
  }

  /** Whether a type is that of options: plain objects of which at least one property may be left out. */
  #isOptions(type: ts.Type): boolean {
    const isRecord = this.checker.getIndexInfosOfType(type).length > 0;
    const properties = this.checker.getPropertiesOfType(type);
    return this.#isPlain(type) && !isRecord && properties.some((each) => !isRequired(each));
  }

  #sample(given: ts.Type, depth = 0): Sample {
    const samples = this.#partsOf(given).map((type) => this.#sampleOfOne(type, depth));
    // A number or a tensor says more than an object.
    return samples.find(({ is }) => is === 'value') ?? samples[0] ?? { is: 'value', value: undefined };
  }

  #sampleOfOne(type: ts.Type, depth: number): Sample {
    const value = (sample: unknown): Sample => ({ is: 'value', value: sample });
    if (type.isLiteral()) return value(type.value);
    if (type.flags & ts.TypeFlags.NumberLike) return value(1);
    if (type.flags & ts.TypeFlags.BigIntLike) return value(1n);
    if (type.flags & ts.TypeFlags.BooleanLike) return value(true);
    if (type.flags & (ts.TypeFlags.StringLike | ts.TypeFlags.TemplateLiteral)) return value('cpu');
    const constraint = this.checker.getBaseConstraintOfType(type);
    if (type.flags & ts.TypeFlags.TypeParameter && constraint !== undefined && depth < 4)
      return this.#sample(constraint, depth + 1);
    if (depth < 4 && (this.checker.isArrayType(type) || this.checker.isTupleType(type))) {
      const items = this.checker.getTypeArguments(type as ts.TypeReference);
      return { is: 'list', items: items.map((item) => this.#sample(item, depth + 1)) };
    }
    if (type.getCallSignatures().length > 0) return { is: 'object', name: 'function' };
    // What is only excluded from a type comes first.
    if (type.isIntersection() && type.aliasSymbol === undefined)
      return this.#sampleOfOne(type.types.at(-1)!, depth);
    return {
      is: 'object',
      name: (type.symbol as ts.Symbol | undefined)?.name ?? this.checker.typeToString(type),
    };
  }

  #typeOf(symbol: ts.Symbol): ts.Type {
    const declaration = symbol.valueDeclaration ?? symbol.declarations?.[0];
    return declaration === undefined
      ? this.checker.getTypeOfSymbol(symbol)
      : this.checker.getTypeOfSymbolAtLocation(symbol, declaration);
  }
}

function isRequired(symbol: ts.Symbol): boolean {
  const declaration = symbol.valueDeclaration;
  if (symbol.flags & ts.SymbolFlags.Optional) return false;
  return !(
    declaration !== undefined &&
    ts.isParameter(declaration) &&
    (declaration.questionToken ?? declaration.initializer ?? declaration.dotDotDotToken)
  );
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.startsWith(`${ROOT.replaceAll('\\', '/')}/lib/`);
}
