export { scriptedModel } from './scripted-model.ts';

export type { Reply, Script, ScriptedCall, ScriptedModel } from './scripted-model.ts';
