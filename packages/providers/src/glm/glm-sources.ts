import type { Source } from '../chat/chat-model.ts';
import { isRecord, listOf, textOf } from '../json-value.ts';

/** The results of a GLM web search, of a chat or of the search endpoint. */
export function toSources(found: unknown): Source[] {
  return listOf(found).flatMap((one): Source[] => {
    if (!isRecord(one)) return [];
    const url = textOf(one['link']) ?? textOf(one['url']);
    if (url === undefined) return [];
    const title = textOf(one['title']);
    const content = textOf(one['content']);
    const ref = textOf(one['refer']);
    return [
      {
        url,
        ...(title !== undefined && { title }),
        ...(content !== undefined && { content }),
        ...(ref !== undefined && { ref }),
      },
    ];
  });
}
