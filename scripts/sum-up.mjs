// Adds up the tests, the gates and the benches of a CI run into its closing line, and exits non-zero unless all of it passed.
import { readFileSync } from 'node:fs';

const [testStatus, ...otherStatuses] = process.argv.slice(2).map(Number);
let report = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0 };
try {
  report = JSON.parse(readFileSync('node_modules/.test-report.json', 'utf8'));
} catch (error) {
  console.error(`no test report was written: ${error.message}`);
}
const brokenFiles = (report.testResults ?? []).filter(
  (file) => file.status === 'failed' && file.assertionResults.length === 0,
);
for (const { assertionResults } of report.testResults ?? []) {
  for (const { status, failureMessages, fullName } of assertionResults) {
    if (status === 'passed' && failureMessages.length > 0) {
      console.log(`passed at its second try: ${fullName}\n  ${failureMessages[0].split('\n')[0]}`);
    }
  }
}
const unexplained = testStatus !== 0 && report.numFailedTests + brokenFiles.length === 0 ? 1 : 0;
const nothingRan = report.numPassedTests === 0 ? 1 : 0;
const brokenOthers = otherStatuses.filter((status) => status !== 0).length;
const passed = report.numPassedTests + otherStatuses.length - brokenOthers;
const failed = report.numFailedTests + brokenFiles.length + unexplained + nothingRan + brokenOthers;
const skipped = report.numPendingTests > 0 ? `, ${report.numPendingTests} skipped` : '';
console.log(`${passed} passed, ${failed} failed${skipped}`);
process.exit(failed > 0 ? 1 : 0);
