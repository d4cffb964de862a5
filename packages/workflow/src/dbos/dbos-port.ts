/** What is used of DBOS, by shape: the class `DBOS` of `@dbos-inc/dbos-sdk` 5 fits. */
export interface DbosPort {
  isInitialized(): boolean;
  registerWorkflow(
    body: (runId: string) => Promise<string>,
    config: { name: string },
  ): (runId: string) => Promise<string>;
  registerQueue(name: string, options: DbosQueueOptions): Promise<unknown>;
  startWorkflow(
    workflow: (runId: string) => Promise<string>,
    params: { workflowID: string; queueName: string },
  ): (runId: string) => Promise<unknown>;
  resumeWorkflow(workflowID: string, options: { queueName: string }): Promise<unknown>;
  listWorkflows(filter: {
    workflowName: string;
    status: 'PENDING';
    loadInput: boolean;
    loadOutput: boolean;
  }): Promise<readonly { readonly workflowID: string }[]>;
  getResult(workflowID: string): Promise<unknown>;
}

/** Limits of a queue. */
export interface DbosQueueOptions {
  workerConcurrency: number;
  globalConcurrency?: number;
  minPollingIntervalMs: number;
}
