// The places where one changed sign would break a limiter or a stopping rule: comparisons, counters and releases.
import { readFileSync } from 'node:fs';

import ts from 'typescript';

const COMPARISONS = new Map([
  [ts.SyntaxKind.LessThanToken, '<='],
  [ts.SyntaxKind.LessThanEqualsToken, '<'],
  [ts.SyntaxKind.GreaterThanToken, '>='],
  [ts.SyntaxKind.GreaterThanEqualsToken, '>'],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, '!=='],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, '==='],
]);
const COUNTERS = new Map([
  [ts.SyntaxKind.PlusEqualsToken, '-='],
  [ts.SyntaxKind.MinusEqualsToken, '+='],
]);
const STEPS = new Map([
  [ts.SyntaxKind.PlusPlusToken, '--'],
  [ts.SyntaxKind.MinusMinusToken, '++'],
]);
/** Calls that give something back or take something out. */
const RELEASE =
  /^(release|giveBack|free|leave|remove|delete|settle|reclaim|forget|drop|clear|grantNext|pump|drainQueue)/;

/** Every site of a file: where it is, and the text that would replace it. */
export function sitesOf(path) {
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
  const sites = [];
  const add = (kind, node, text) =>
    sites.push({ path, kind, start: node.getStart(source), end: node.getEnd(), text, line: lineOf(source, node) });
  const visit = (node) => {
    if (ts.isBinaryExpression(node)) {
      const { kind } = node.operatorToken;
      if (COMPARISONS.has(kind)) add('comparison', node.operatorToken, COMPARISONS.get(kind));
      if (COUNTERS.has(kind)) add('counter', node.operatorToken, COUNTERS.get(kind));
    }
    if ((ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) && STEPS.has(node.operator)) {
      const operand = node.operand.getText(source);
      add(
        'counter',
        node,
        ts.isPrefixUnaryExpression(node) ? STEPS.get(node.operator) + operand : operand + STEPS.get(node.operator),
      );
    }
    if (ts.isExpressionStatement(node) && isRelease(node.expression)) add('release', node.expression, 'void 0');
    ts.forEachChild(node, visit);
  };
  visit(source);
  return sites;
}

function isRelease(expression) {
  if (!ts.isCallExpression(expression)) return false;
  const { expression: callee } = expression;
  if (!ts.isPropertyAccessExpression(callee)) return false;
  return RELEASE.test(callee.name.text.replace(/^#/, ''));
}

function lineOf(source, node) {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}
