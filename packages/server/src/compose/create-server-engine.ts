import { createEngine, type Engine, type WorkflowStore } from '@exai/workflow';

import { ConfigError } from '../config/config-error.ts';
import type { ServerConfig } from '../config/server-config.ts';

import type { ModelSource } from './model-source.ts';

/**
 * The workflow engine of a server.
 *
 * @throws ConfigError when `EXAI_ALLOWED_ROOTS` names what is no folder.
 */
export function createServerEngine(config: ServerConfig, models: ModelSource, store: WorkflowStore): Engine {
  try {
    return createEngine({ models: (ask) => models.model(ask), store, roots: config.allowedRoots });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError('EXAI_ALLOWED_ROOTS', `must name folders (${why})`, config.allowedRoots.join(', '));
  }
}
