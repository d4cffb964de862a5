import { describe, expect, it } from 'vitest';

import { fold } from '../src/apply-record.ts';
import { readReview, reviewPrompt } from '../src/review.ts';
import type { RecordBody } from '../src/journal.ts';
import { investigation } from './investigation.ts';
import { claimed, journalOf, saw, started } from './journal-records.ts';

const LONG = `${'x'.repeat(5000)}the needle${'y'.repeat(5000)}`;

function shownTo(bodies: readonly RecordBody[], requirements = true): string {
  const workflow = requirements ? investigation() : investigation({ requirements: () => [] });
  const messages = reviewPrompt(workflow.bind({ prompt: 'why?' }), fold(journalOf(started(), ...bodies)));
  const content = messages[1]?.content;
  return typeof content === 'string' ? content : '';
}

describe('what a reviewer is shown', () => {
  it('is the task, what is required, the findings and the cited evidence', () => {
    const text = shownTo([
      saw(1, { source: 'a.ts', text: 'reduce' }),
      claimed(1, [{ source: 'a.ts' }, { source: 'z.ts' }]),
    ]);
    expect(text).toContain('Task:\nwhy?');
    expect(text).toContain('Required:\n- symptom: where it shows\n- cause: where it starts');
    expect(text).toContain('Findings (certain):\nIt throws.');
    expect(text).toMatch(/Cited evidence:\na\.ts:\nreduce\n---\nz\.ts: never seen$/);
  });

  it('has no list of requirements where there are none, and says that nothing was claimed or cited', () => {
    const text = shownTo([], false);
    expect(text).not.toContain('Required:');
    expect(text).toMatch(/Findings \(none\):\n\n\nCited evidence:\nnone$/);
  });

  it('is cut around the quote in a long piece, and at its start without one', () => {
    const quoted = shownTo([saw(1, { source: 'l', text: LONG }), claimed(1, [{ source: 'l', quote: 'the needle' }])]);
    expect(quoted).toContain('xthe needley');
    const whole = shownTo([saw(1, { source: 'l', text: LONG }), claimed(1, [{ source: 'l' }])]);
    expect(whole).not.toContain('the needle');
    for (const text of [quoted, whole]) expect(text.split('l:\n')[1]).toHaveLength(2000);
  });

  it('ends before it grows without bound', () => {
    const items = Array.from({ length: 30 }, (_, index) => ({ source: `f${index}`, text: `${index} ${LONG}` }));
    const text = shownTo([
      saw(1, ...items),
      claimed(
        1,
        items.map(({ source }) => ({ source })),
      ),
    ]);
    expect(text.length).toBeLessThan(26_000);
    expect(text).toContain('f10:');
    expect(text).not.toContain('f20:');
  });
});

describe('what a reviewer says', () => {
  it.each<[string, object]>([
    ['fine', { ok: 'unknown', text: 'fine', gaps: [] }],
    ['{"ok": "yes"}', { ok: 'unknown', gaps: [] }],
    ['so: {"ok": true, "gaps": ["x"], "reason": "all there"}', { ok: true, text: 'all there', gaps: [] }],
    [
      '{"ok": false, "gaps": ["a", "", 7, "b"]}',
      { ok: false, text: '{"ok": false, "gaps": ["a", "", 7, "b"]}', gaps: ['a', 'b'] },
    ],
    ['{"ok": false, "gaps": "none"}', { ok: false, gaps: [] }],
  ])('%s', (text, review) => {
    expect(readReview(text)).toMatchObject(review);
  });

  it('names ten gaps at most', () => {
    const gaps = Array.from({ length: 12 }, (_, index) => `gap ${index}`);
    expect(readReview(JSON.stringify({ ok: false, gaps })).gaps).toHaveLength(10);
  });
});
