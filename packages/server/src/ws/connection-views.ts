import type { ServerFrame } from '../protocol/index.ts';
import type { Session } from '../sessions/session.ts';

/** What a connection can show beside calls. */
export interface ConnectionViews {
  welcome(): Pick<Extract<ServerFrame, { type: 'welcome' }>, 'server' | 'simulator'>;
  tools(): Extract<ServerFrame, { type: 'tools' }>['tools'];
  health(id: string, session: Session): ServerFrame;
  snapshot(id: string, session: Session): ServerFrame;
}
