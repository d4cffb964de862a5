/** A workflow with a side effect: one region after the other is deployed. The model is a simulated GLM. */
import { createGLM } from '@exai/providers';
import { createSimulator, type SimulatedCall } from '@exai/providers/simulator';
import {
  createEngine,
  defineWorkflow,
  type Engine,
  evidenceTool,
  type Workflow,
  type WorkflowStore,
} from '@exai/workflow';
import { z } from 'zod';

const REGIONS = ['eu', 'us', 'asia'];

interface Deployment {
  readonly engine: Engine;
  readonly deploy: Workflow;
  close(): Promise<void>;
}

/** `say` is told of every side effect, with the key that is the same for a repetition of it. */
export async function createDeployment(options: {
  readonly store: WorkflowStore;
  readonly say: (line: string) => void;
}): Promise<Deployment> {
  const release = evidenceTool({
    name: 'release',
    description: 'Deploys one region',
    parameters: z.object({ region: z.string() }),
    sideEffect: true,
    onUnknown: 'retry',
    execute: ({ region }, { idempotencyKey }) => {
      options.say(`deploys ${region} (${idempotencyKey})`);
      return { content: `${region} is up`, source: region };
    },
  });
  const deploy = defineWorkflow({
    name: 'deploy',
    version: 1,
    description: 'Deploys all regions',
    kind: 'workflow',
    input: z.object({ prompt: z.string() }),
    systemPrompt: () => 'Deploy one region at a time.',
    prompt: ({ prompt }) => prompt,
    requirements: () => REGIONS.map((id) => ({ id, description: `${id} is up` })),
    tools: [release],
  });
  const simulator = await createSimulator({ latency: 'instant', persona: deployer });
  const model = createGLM({ apiKey: 'any', baseURL: simulator.glm.baseURL }).chat('glm-4.6');
  const engine = createEngine({ model, store: options.store });
  return {
    engine,
    deploy,
    close: async () => {
      await engine.close();
      await simulator.close();
    },
  };
}

/** Releases the first region that is not up; then reports. */
function deployer({ messages, tools }: SimulatedCall) {
  if (tools.length === 0) return { text: 'All regions are up.' };
  const next = REGIONS.find(
    (region) => !messages.some(({ role, text }) => role === 'tool' && text.includes(`${region} is up`)),
  );
  if (next !== undefined) return { toolCalls: [{ name: 'release', arguments: { region: next } }] };
  const citations = REGIONS.map((region) => ({ requirement: region, source: region, quote: `${region} is up` }));
  const claim = { findings: 'All regions are up.', confidence: 'certain', next_step_required: false, citations };
  return { toolCalls: [{ name: 'report_step', arguments: claim }] };
}
