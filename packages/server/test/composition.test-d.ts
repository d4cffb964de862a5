import type { ObservableEngine, ObservableProvider, ObservableSemaphore, ObservableServer } from '@exai/metrics';
import type { ChatModel, Gate, GateAsk, GLMProvider, KimiProvider } from '@exai/providers';
import type { TieredAsk, TieredSemaphore } from '@exai/semaphore';
import type { ExaiServer } from '@exai/server';
import type { Engine, Model } from '@exai/workflow';
import { describe, expectTypeOf, it } from 'vitest';

describe('packages that do not know each other', () => {
  it('fit: a TieredSemaphore is a Gate, and knows every field the providers ask with', () => {
    expectTypeOf<TieredSemaphore>().toExtend<Gate>();
    expectTypeOf<keyof GateAsk>().toExtend<keyof TieredAsk>();
    expectTypeOf<Exclude<keyof GateAsk, keyof TieredAsk>>().toBeNever();
    expectTypeOf<GateAsk>().toExtend<TieredAsk>();
  });

  it('fit: a ChatModel of the providers is a Model of the workflows', () => {
    expectTypeOf<ChatModel>().toExtend<Model>();
  });

  it('fit: metrics can observe the real semaphore, providers, engine and server', () => {
    expectTypeOf<TieredSemaphore>().toExtend<ObservableSemaphore>();
    expectTypeOf<GLMProvider>().toExtend<ObservableProvider>();
    expectTypeOf<KimiProvider>().toExtend<ObservableProvider>();
    expectTypeOf<Engine>().toExtend<ObservableEngine>();
    expectTypeOf<ExaiServer>().toExtend<ObservableServer>();
  });
});
