/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** Makes an element: text and attributes only, never markup. */
export function make(tag, { text, className, ...attributes } = {}, children = []) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = String(text);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * Puts a table of rows into a place, or one line when there are none. `columns`: [title, cell(row), classes]; `number` is set right,
 * `minor` gives way on a narrow screen.
 */
export function fillTable(place, columns, rows, whenEmpty) {
  if (rows.length === 0) {
    place.replaceChildren(make('span', { className: 'empty', text: whenEmpty }));
    return;
  }
  const head = make(
    'tr',
    {},
    columns.map(([title, , className]) => make('th', { text: title, className, scope: 'col' })),
  );
  const body = rows.map((row) =>
    make(
      'tr',
      {},
      columns.map(([, cell, className]) => toCell(cell(row), className)),
    ),
  );
  const scroll = place.scrollTop;
  place.replaceChildren(make('table', {}, [make('thead', {}, [head]), make('tbody', {}, body)]));
  place.scrollTop = scroll;
}

function toCell(value, className) {
  return value instanceof Node ? make('td', { className }, [value]) : make('td', { className, text: value ?? '' });
}

/** 950 ms, 4.2 s, 3 min 5 s, 2 h 4 min. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`;
}

/** 1 connection, 2 connections. */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** The time of day of an epoch time. */
export const clock = (at) => new Date(at).toLocaleTimeString();

/** The same, as short as it can be. */
export const clock24 = (at) => new Date(at).toLocaleTimeString([], { hourCycle: 'h23' });

/** A long id, cut to what tells it apart. */
export const short = (id) => (id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-6)}` : id);
