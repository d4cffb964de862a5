import type { ObservableEngine } from '@exai/metrics';
import type { Engine } from '@exai/workflow';

/** An engine as metrics observes it. */
export function toObservableEngine(engine: Engine): ObservableEngine {
  return {
    on: (name, listener) => {
      if (name === 'run.started') return engine.on(name, listener);
      if (name === 'step.finished') return engine.on(name, listener);
      if (name === 'run.finished') return engine.on(name, listener);
      return () => undefined;
    },
  };
}
