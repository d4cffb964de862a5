import type { BreakerState, GLMProvider, KimiProvider, ProviderErrorCode } from '@exai/providers';
import type { TieredSemaphore } from '@exai/semaphore';
import type { ExaiServer } from '@exai/server';
import type { Engine, StopReason } from '@exai/workflow';
import type { Registry as NewRegistry } from '@prometheus-io/client';
import type { Registry } from 'prom-client';
import { expectTypeOf, test } from 'vitest';

import type {
  MetricsRegistry,
  ObservableEngine,
  ObservableProvider,
  ObservableSemaphore,
  ObservableServer,
} from '../src/index.ts';
import type { BREAKER_STATES, PROVIDER_CODES, STOP_REASONS } from '../src/vocabularies.ts';

test('the real components fit the shapes', () => {
  expectTypeOf<TieredSemaphore>().toExtend<ObservableSemaphore>();
  expectTypeOf<GLMProvider>().toExtend<ObservableProvider>();
  expectTypeOf<KimiProvider>().toExtend<ObservableProvider>();
  expectTypeOf<Engine>().toExtend<ObservableEngine>();
  expectTypeOf<ExaiServer>().toExtend<ObservableServer>();
});

test('both client libraries fit the registry', () => {
  expectTypeOf<Registry>().toExtend<MetricsRegistry>();
  expectTypeOf<NewRegistry>().toExtend<MetricsRegistry>();
});

test('the closed sets hold every value the real components can say', () => {
  expectTypeOf<ProviderErrorCode>().toEqualTypeOf<(typeof PROVIDER_CODES)[number]>();
  expectTypeOf<BreakerState>().toEqualTypeOf<(typeof BREAKER_STATES)[number]>();
  expectTypeOf<StopReason['kind']>().toExtend<(typeof STOP_REASONS)[number]>();
});
