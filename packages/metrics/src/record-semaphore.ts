import type { FamilyName, LabelsOf } from './families.ts';
import type { FamilySet } from './family-set.ts';
import { MetricsError } from './metrics-error.ts';
import {
  VOCABULARIES,
  type ACQUIRE_CODES,
  type ClosedVocabulary,
  type RECOVERY_STATUSES,
  type TIERS,
} from './vocabularies.ts';

/** A tier of the semaphore. */
export type SemaphoreType = (typeof TIERS)[number];
/** How a recovery ended. */
export type RecoveryStatus = (typeof RECOVERY_STATUSES)[number];
/** Why an acquire was refused. */
export type AcquisitionFailureReason = (typeof ACQUIRE_CODES)[number];

/**
 * The six helpers, for semaphores that cannot be observed. Each throws {@link MetricsError}: `INVALID_LABEL`, `INVALID_VALUE`,
 * and `ALREADY_OBSERVED` for a label set that an observed semaphore feeds by itself.
 */
export interface SemaphoreRecorder {
  /** Counts `expected − actual` permits as leaked; `actual` must be the smaller one. */
  readonly recordSemaphoreLeak: (type: SemaphoreType, expected: number, actual: number) => void;
  /** Counts one recovery and the permits it brought back. */
  readonly recordSemaphoreRecovery: (type: SemaphoreType, status: RecoveryStatus, recovered: number) => void;
  /** Sets free permits as they are and as they would be without leaks. `provider` is `none` for global and session. */
  readonly updateSemaphoreValues: (type: SemaphoreType, provider: string, current: number, expected: number) => void;
  /** Puts one wait, in seconds, into the histogram. */
  readonly recordSemaphoreWait: (type: SemaphoreType, seconds: number) => void;
  /** Counts one refused acquire. @defaultValue reason `UNSPECIFIED` */
  readonly recordSemaphoreAcquisitionFailure: (
    type: SemaphoreType,
    provider: string,
    reason?: AcquisitionFailureReason,
  ) => void;
  /** Sets how many calls to a provider run now. */
  readonly updateConcurrentRequests: (provider: string, count: number) => void;
}

/** The helpers over one set of families; each asks `assertOpen` first. */
export function createSemaphoreRecorder(families: FamilySet, assertOpen: () => void): SemaphoreRecorder {
  return { ...recordFaults(families, assertOpen), ...recordUse(families, assertOpen) };
}

type FaultRecorder = Pick<
  SemaphoreRecorder,
  'recordSemaphoreLeak' | 'recordSemaphoreRecovery' | 'recordSemaphoreAcquisitionFailure'
>;

/** Counts what went wrong: leaks, recoveries and refusals. */
function recordFaults(families: FamilySet, assertOpen: () => void): FaultRecorder {
  return {
    recordSemaphoreLeak(type, expected, actual) {
      assertOpen();
      assertMember('tier', type);
      assertAmount('expected', expected);
      assertAmount('actual', actual);
      if (actual >= expected)
        throw new MetricsError('INVALID_VALUE', `a leak needs actual below expected, got ${actual} and ${expected}`);
      assertFree(families, 'mcp_semaphore_leaks_detected_total', { semaphore_type: type });
      families.add('mcp_semaphore_leaks_detected_total', { semaphore_type: type }, expected - actual);
    },
    recordSemaphoreRecovery(type, status, recovered) {
      assertOpen();
      assertMember('tier', type);
      assertMember('recovery', status);
      assertAmount('recovered', recovered);
      assertFree(families, 'mcp_semaphore_recoveries_total', { semaphore_type: type, status });
      families.add('mcp_semaphore_recoveries_total', { semaphore_type: type, status });
      families.add('mcp_semaphore_permits_recovered_total', { semaphore_type: type }, recovered);
    },
    recordSemaphoreAcquisitionFailure(type, provider, reason = 'UNSPECIFIED') {
      assertOpen();
      assertMember('tier', type);
      assertName(provider);
      assertMember('acquireCode', reason);
      // An observed tier feeds every code it knows, but not this one's default: the tier is what must be free.
      assertFree(families, 'mcp_semaphore_in_use', { semaphore_type: type, provider });
      families.add('mcp_semaphore_acquisition_failures_total', { semaphore_type: type, provider, reason });
    },
  };
}

/** Measures free permits, waits and the calls that run. */
function recordUse(families: FamilySet, assertOpen: () => void): Omit<SemaphoreRecorder, keyof FaultRecorder> {
  return {
    updateSemaphoreValues(type, provider, current, expected) {
      assertOpen();
      assertMember('tier', type);
      assertName(provider);
      assertAmount('current', current);
      assertAmount('expected', expected);
      assertFree(families, 'mcp_semaphore_current_value', { semaphore_type: type, provider });
      families.set('mcp_semaphore_current_value', { semaphore_type: type, provider }, current);
      families.set('mcp_semaphore_expected_value', { semaphore_type: type, provider }, expected);
    },
    recordSemaphoreWait(type, seconds) {
      assertOpen();
      assertMember('tier', type);
      assertAmount('seconds', seconds);
      assertFree(families, 'mcp_semaphore_wait_seconds', { semaphore_type: type });
      families.observe('mcp_semaphore_wait_seconds', { semaphore_type: type }, seconds);
    },
    updateConcurrentRequests(provider, count) {
      assertOpen();
      assertName(provider);
      assertAmount('count', count);
      assertFree(families, 'mcp_concurrent_requests', { provider });
      families.set('mcp_concurrent_requests', { provider }, count);
    },
  };
}

function assertMember(vocabulary: ClosedVocabulary, value: string): void {
  if (VOCABULARIES[vocabulary].includes(value)) return;
  throw new MetricsError('INVALID_LABEL', `expected one of ${VOCABULARIES[vocabulary].join(', ')}, got ${value}`);
}

function assertName(provider: string): void {
  if (typeof provider === 'string' && provider !== '') return;
  throw new MetricsError('INVALID_LABEL', `provider must be a name, got ${JSON.stringify(provider)}`);
}

function assertAmount(name: string, value: number): void {
  if (Number.isFinite(value) && value >= 0) return;
  throw new MetricsError('INVALID_VALUE', `${name} must be a finite number of at least 0, got ${String(value)}`);
}

function assertFree<N extends FamilyName>(families: FamilySet, name: N, labels: LabelsOf<N>): void {
  if (!families.get(name).isFed(labels)) return;
  throw new MetricsError('ALREADY_OBSERVED', `${name}${JSON.stringify(labels)} is fed by an observed component`);
}
