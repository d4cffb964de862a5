import { z } from 'zod';

import { defineWorkflow } from '../define-workflow.ts';
import type { Workflow } from '../define-workflow.ts';
import { fileTools } from '../evidence/evidence-tools.ts';
import { workflowInput } from '../request.ts';
import { shown } from './checklist.ts';
import { severityFilter, severityRule, text, texts } from './fields.ts';
import { WORK_MODEL } from './models.ts';
import { stepGuide } from './step-guide.ts';
import { taskPrompt } from './task-prompt.ts';
import { workingPrompt } from './working-rules.ts';

const FOCUS = {
  owasp: 'the OWASP Top Ten',
  compliance: 'the named compliance requirements',
  infrastructure: 'configuration, deployment and network exposure',
  dependencies: 'third-party code and how it is used',
  comprehensive: 'input handling, access control, secrets, cryptography, configuration, dependencies',
} as const;

/** Audits code for weaknesses that somebody could use. */
export const secaudit: Workflow = defineWorkflow({
  name: 'secaudit',
  version: 1,
  kind: 'workflow',
  description: 'Audit code for security weaknesses.',
  input: workflowInput({
    security_scope: text.optional().describe('What is audited, who may attack it'),
    threat_level: z.enum(['low', 'medium', 'high', 'critical']).default('medium'),
    compliance_requirements: texts.optional(),
    audit_focus: z
      .enum(['owasp', 'compliance', 'infrastructure', 'dependencies', 'comprehensive'])
      .default('comprehensive'),
    severity_filter: severityFilter,
  }),
  ...WORK_MODEL,
  expert: true,
  tools: fileTools,
  systemPrompt: (input) =>
    workingPrompt(`You audit security: ${FOCUS[input.audit_focus]}. Threat level: ${input.threat_level}.`, [
      'Follow untrusted input from where it enters to where it is used.',
      'For each weakness: severity, place, who can use it and how, and the change that closes it.',
      'Describe an attack only as far as the fix needs it. Never repeat a secret you come across.',
      'Say what was checked and found sound.',
    ]),
  prompt: (input) =>
    taskPrompt(input, [
      ['Scope', input.security_scope],
      ['Compliance', input.compliance_requirements],
      ['Report', severityRule(input.severity_filter)],
    ]),
  requirements: () => [
    shown('surface', 'where untrusted input enters'),
    shown('verdict', 'the place of the gravest weakness, or the code that makes the system hold'),
  ],
  guide: stepGuide(['List where untrusted input enters and what it can reach.', 'Read the checks on the way.']),
});
