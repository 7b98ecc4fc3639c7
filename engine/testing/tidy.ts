// The rules of the repository that a machine can check, as functions from a file's path and text to breaches. Each
// breach says what to do instead. Run over the tree by engine/tidy.test.ts.
import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import ts from 'typescript'
import { inputOutputModules, isTest, packageHomes, type Zone, zones } from './layout.ts'

export interface Breach {
  readonly path: string
  readonly line: number
  readonly message: string
}

export const fileLinesMax = 400
/** A suite of one subject may be longer: its cases are read one at a time. */
export const suiteLinesMax = 500

/** Only here may each be found. Prefixes end in /. */
export const homes = {
  environment: ['engine/config.ts', 'engine/testing/', 'features/testing/'],
  clock: ['engine/clock.ts', 'bench/'],
  keys: ['features/store/keys.ts'],
  /** An incarnation must differ from all before it, on every machine. Names of groups and topics in tests too. */
  randomness: ['features/store/observer.ts', 'engine/testing/'],
} as const

/** Everything that can be wrong with one source file (.ts, .js or .lua). */
export function checkFile(path: string, text: string): Breach[] {
  const breaches = [...checkName(path), ...checkLength(path, text), ...checkHead(path, text)]
  if (!path.endsWith('.ts')) return breaches
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true)
  return [...breaches, ...checkImports(source), ...checkNodes(source)]
}

/** Kebab-case by noun; the words that name nothing are banned. */
export function checkName(path: string): Breach[] {
  const parts = path.split('/')
  const breaches: Breach[] = []
  const fail = (message: string) => breaches.push({ path, line: 0, message })
  for (const part of parts) {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/.test(part)) {
      fail(`"${part}" is not kebab-case: use lower case, digits and dashes, e.g. feature-rows.ts`)
    }
    const words = part.split(/[.-]/)
    for (const word of words) {
      if (emptyWords.has(word) && path !== 'engine/testing/services.ts') {
        fail(`"${word}" says nothing: name the file by the noun that it is about`)
      }
      if (synonyms.has(word)) fail(`"${word}" is banned in names: use transaction (or message)`)
    }
  }
  return breaches
}

const emptyWords = new Set([
  ...['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'service', 'services', 'impl'],
])

const synonyms = new Set(['event', 'events', 'payment', 'payments'])

function checkLength(path: string, text: string): Breach[] {
  const lines = text.replace(/\n$/, '').split('\n').length
  const most = path.endsWith('.test.ts') ? suiteLinesMax : fileLinesMax
  if (lines <= most) return []
  return [{ path, line: most + 1, message: `${lines} lines, at most ${most}: split it by noun` }]
}

function checkHead(path: string, text: string): Breach[] {
  const first = text.replace(/^#!.*\n/, '').trimStart()
  if (/^(\/\/|\/\*|--)/.test(first)) return []
  const message =
    'opens without a comment: say in a sentence or two what it is for and must never do'
  return [{ path, line: 1, message }]
}

function checkImports(source: ts.SourceFile): Breach[] {
  const path = source.fileName
  const zone = zones.find((one) => one.has(path))
  if (zone === undefined) {
    return [{ path, line: 0, message: 'lies in no folder of engine/testing/layout.ts: move it' }]
  }
  return importsOf(source).flatMap(({ name, line }) => {
    const message = importBreach(path, zone, name)
    return message === null ? [] : [{ path, line, message }]
  })
}

function importBreach(path: string, zone: Zone, name: string): string | null {
  if (isBuiltin(name)) {
    if (!name.startsWith('node:')) return `imports ${name}: write node:${name}`
    const module = name.slice('node:'.length)
    if (!zone.isPure || !inputOutputModules.includes(module)) return null
    return `${zone.name} must not import ${name}: ${zone.advice}`
  }
  if (!name.startsWith('.') && !name.startsWith('#root/')) return packageBreach(path, zone, name)
  const target = name.startsWith('#root/')
    ? name.slice('#root/'.length)
    : posix.normalize(posix.join(posix.dirname(path), name))
  if (isTest(target) && !isTest(path) && !path.startsWith('bench/')) {
    return `imports ${target}: nothing but tests may import tests or testing/; move what is shared`
  }
  const isNamed = zone.may.includes(target)
  const isAllowed = isNamed || (matches(target, zone.may) && !matches(target, zone.not))
  return isAllowed ? null : `${zone.name} must not import ${target}: ${zone.advice}`
}

function packageBreach(path: string, zone: Zone, name: string): string | null {
  if (zone.isFreeOfHomes) return null
  const parts = name.split('/')
  const packageName = name.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!
  const home = packageHomes[packageName]
  if (home === undefined) {
    return `imports ${packageName}, which has no home: write it yourself, or name one file for it in layout.ts`
  }
  return home.includes(path)
    ? null
    : `imports ${packageName}: only ${home.join(', ')} may; use what it exports`
}

interface Imported {
  readonly name: string
  readonly line: number
}

/** Static, dynamic, type and re-exporting imports. */
function importsOf(source: ts.SourceFile): Imported[] {
  const found: Imported[] = []
  const add = (node: ts.Node | undefined) => {
    if (node !== undefined && ts.isStringLiteralLike(node)) {
      found.push({ name: node.text, line: lineOf(source, node) })
    }
  }
  const visit = (node: ts.Node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal)
    } else if (ts.isCallExpression(node) && isImportCall(node)) add(node.arguments[0])
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isImportCall({ expression }: ts.CallExpression): boolean {
  return expression.kind === ts.SyntaxKind.ImportKeyword || expression.getText() === 'require'
}

/** Clock, environment, randomness, keys and words: whatever one node gives away. */
function checkNodes(source: ts.SourceFile): Breach[] {
  const path = source.fileName
  const breaches: Breach[] = []
  const visit = (node: ts.Node) => {
    for (const rule of nodeRules) {
      if (!matches(path, rule.home) && rule.finds(node, path)) {
        breaches.push({ path, line: lineOf(source, node), message: rule.message })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return breaches
}

interface NodeRule {
  readonly home: readonly string[]
  readonly message: string
  finds(node: ts.Node, path: string): boolean
}

const nodeRules: readonly NodeRule[] = [
  {
    home: homes.environment,
    message: 'reads the environment: use engine/config.ts (a setting, or processEnvironment())',
    finds: (node) =>
      isMember(node, 'process', ['env']) || isNamedImport(node, 'node:process', ['env']),
  },
  {
    home: homes.clock,
    message: 'reads a clock: take a Clock (engine/core/ports.ts) or the time as an argument',
    finds: (node, path) => !isTest(path) && readsClock(node),
  },
  {
    home: [],
    message:
      'uses Math.random: take a seeded generator as an argument (features/generator/random.ts)',
    finds: (node) => isMember(node, 'Math', ['random']),
  },
  {
    home: homes.randomness,
    message: 'uses randomness that no seed repeats: take it as an argument',
    finds: (node) =>
      isNamedImport(node, 'node:crypto', randomFunctions) ||
      isMember(node, 'crypto', randomFunctions),
  },
  {
    home: homes.keys,
    message: 'builds a key of Redis: use features/store/keys.ts',
    finds: (node, path) => !isTest(path) && isKeyText(node),
  },
  {
    home: [],
    message:
      'event and payment are banned in names: use transaction (a Kafka message is a message)',
    finds: (node) => isDeclaredName(node) && hasSynonym(node.text),
  },
]

const randomFunctions = [
  ...['randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID', 'getRandomValues'],
]

function readsClock(node: ts.Node): boolean {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date') {
    return (node.arguments?.length ?? 0) === 0
  }
  if (ts.isCallExpression(node) && node.expression.getText() === 'Date') return true
  return (
    isMember(node, 'Date', ['now']) ||
    isMember(node, 'performance', ['now', 'timeOrigin']) ||
    isMember(node, 'process', ['hrtime', 'uptime'])
  )
}

/** `object.name` or `object['name']`, also behind globalThis. */
function isMember(node: ts.Node, object: string, names: readonly string[]): boolean {
  if (ts.isPropertyAccessExpression(node)) {
    return names.includes(node.name.text) && isObject(node.expression, object)
  }
  if (!ts.isElementAccessExpression(node)) return false
  const { argumentExpression: key, expression } = node
  return ts.isStringLiteralLike(key) && names.includes(key.text) && isObject(expression, object)
}

function isObject(node: ts.Node, object: string): boolean {
  return node.getText() === object || node.getText() === `globalThis.${object}`
}

function isNamedImport(node: ts.Node, module: string, names: readonly string[]): boolean {
  if (!ts.isImportSpecifier(node)) return false
  const { moduleSpecifier } = node.parent.parent.parent
  const isModule = ts.isStringLiteral(moduleSpecifier) && moduleSpecifier.text === module
  return isModule && names.includes((node.propertyName ?? node.name).text)
}

/** Keys begin with `w:`. */
function isKeyText(node: ts.Node): boolean {
  if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) return node.text.startsWith('w:')
  return false
}

/** A name that this file chooses; names that it only uses, such as EventEmitter, are somebody else's. */
function isDeclaredName(node: ts.Node): node is ts.Identifier | ts.PrivateIdentifier {
  if (!ts.isIdentifier(node) && !ts.isPrivateIdentifier(node)) return false
  const { parent } = node
  if (ts.isImportSpecifier(parent)) return parent.name === node && parent.propertyName !== undefined
  return declarations.has(parent.kind) && (parent as ts.NamedDeclaration).name === node
}

const declarations = new Set([
  ts.SyntaxKind.VariableDeclaration,
  ts.SyntaxKind.Parameter,
  ts.SyntaxKind.BindingElement,
  ts.SyntaxKind.FunctionDeclaration,
  ts.SyntaxKind.FunctionExpression,
  ts.SyntaxKind.ClassDeclaration,
  ts.SyntaxKind.InterfaceDeclaration,
  ts.SyntaxKind.TypeAliasDeclaration,
  ts.SyntaxKind.TypeParameter,
  ts.SyntaxKind.PropertySignature,
  ts.SyntaxKind.PropertyDeclaration,
  ts.SyntaxKind.MethodSignature,
  ts.SyntaxKind.MethodDeclaration,
  ts.SyntaxKind.GetAccessor,
  ts.SyntaxKind.SetAccessor,
])

/** `payments`, `readEvent`, `EVENT_MAX`; but event time is a term of its own: `eventTimeMs`. */
function hasSynonym(name: string): boolean {
  const words = name.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/)
  return words.some((word, index) => {
    const lower = word.toLowerCase()
    if (lower === 'event' && words[index + 1]?.toLowerCase() === 'time') return false
    return synonyms.has(lower)
  })
}

function matches(path: string, places: readonly string[]): boolean {
  return places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))
}

function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
}
