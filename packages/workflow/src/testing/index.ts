export { scriptedModel } from './scripted-model.ts';
export { storeConformance } from './store-conformance.ts';

export type { Reply, Script, ScriptedCall, ScriptedModel } from './scripted-model.ts';
export type { ConformanceCase, StoreUnderTest } from './store-conformance.ts';
