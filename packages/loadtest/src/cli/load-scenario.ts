import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { builtInScenario } from '../built-in-scenarios.ts';
import { LoadTestError } from '../load-test-error.ts';
import { parseScenario, type Scenario } from '../scenario.ts';

/** Finds a built-in scenario by name, or reads one from a `.json` file. @throws LoadTestError INVALID_SCENARIO */
export function loadScenario(nameOrFile: string, cwd: string): Scenario {
  if (!nameOrFile.endsWith('.json')) return builtInScenario(nameOrFile);
  return parseScenario(readJson(resolve(cwd, nameOrFile), 'INVALID_SCENARIO'));
}

/** Reads a JSON file. @throws LoadTestError with the given code, naming the file. */
export function readJson(path: string, code: 'INVALID_SCENARIO' | 'INVALID_REPORT'): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LoadTestError(code, `${path} could not be read as JSON: ${reason}`, { cause: error });
  }
}
