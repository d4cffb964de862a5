import type { Requirement } from './define-workflow.ts';
import type { RunState, SeenEvidence } from './run-state.ts';
import type { Coverage, EvidenceGrade } from './stop-reason.ts';

/** Coverage together with the weakest grade among the evidence that backs it. */
export interface GradedCoverage extends Coverage {
  readonly grade: EvidenceGrade | undefined;
}

const GRADES: readonly EvidenceGrade[] = ['attested', 'checked', 'observed'];

/** Which requirements are backed by evidence that was cited for them and really seen. */
export function coverageOf(state: RunState, requirements: readonly Requirement[]): GradedCoverage {
  const met: string[] = [];
  const missing: string[] = [];
  let grade: EvidenceGrade | undefined;
  for (const requirement of requirements) {
    const accepted = acceptedFor(state, requirement);
    if (accepted.length < (requirement.cites ?? 1)) {
      missing.push(requirement.id);
      continue;
    }
    met.push(requirement.id);
    grade = weakest(grade, bestGrade(accepted));
  }
  return { met, missing, grade };
}

function acceptedFor(state: RunState, { id, accepts }: Requirement): SeenEvidence[] {
  const backed = [...(state.backed.get(id) ?? [])];
  return accepts === undefined ? backed : backed.filter((seen) => accepts(seen));
}

function bestGrade(evidence: readonly SeenEvidence[]): EvidenceGrade {
  const rank = Math.max(0, ...evidence.map(({ grade }) => GRADES.indexOf(grade)));
  return GRADES[rank] ?? 'attested';
}

function weakest(a: EvidenceGrade | undefined, b: EvidenceGrade): EvidenceGrade {
  return a === undefined || GRADES.indexOf(b) < GRADES.indexOf(a) ? b : a;
}
