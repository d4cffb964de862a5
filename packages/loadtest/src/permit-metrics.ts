import type { PermitModel } from './permit-model.ts';

/** The permits of a stub in the text format of Prometheus, under the names that a real server uses. */
export function renderPermitMetrics(permits: PermitModel): string {
  const tiers = permits.tiers();
  const gauge = (name: string, value: (tier: (typeof tiers)[number]) => number): string[] => [
    `# TYPE ${name} gauge`,
    ...tiers.map((tier) => `${name}{semaphore_type="${tier.type}",provider="${tier.provider}"} ${value(tier)}`),
  ];
  return [
    ...gauge('mcp_semaphore_capacity', ({ capacity }) => capacity),
    ...gauge('mcp_semaphore_in_use', ({ held, leaked }) => held + leaked),
    ...gauge(
      'mcp_semaphore_current_value',
      ({ capacity, held, leaked, doubled }) => capacity - held - leaked + doubled,
    ),
    ...gauge('mcp_semaphore_expected_value', ({ capacity, held }) => capacity - held),
    '# TYPE mcp_semaphore_leaks_detected_total counter',
    `mcp_semaphore_leaks_detected_total{semaphore_type="global"} ${permits.leaksDetected}`,
    '# TYPE mcp_semaphore_recoveries_total counter',
    `mcp_semaphore_recoveries_total{semaphore_type="global",status="success"} ${permits.recoveries}`,
    '',
  ].join('\n');
}
