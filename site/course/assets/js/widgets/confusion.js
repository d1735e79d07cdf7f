/* Where to draw the line: a threshold on a probability, and the mistakes that it makes to both sides. */
import { element, named, slider, statusLine } from './parts.js';

const MOST_SHOWN = 24;

// Counts by true label (row) and answer (column). `answers` hold the true label's number, and the second label's probability.
export function counts(answers, line) {
  const table = [[0, 0], [0, 0]];
  for (const [truth, probability] of answers) table[truth][Number(probability >= line)]++;
  return table;
}

// `values`: labels, and for each picture its true label's number and the second label's probability.
export default function confusion(room, { labels, answers }, addresses) {
  const body = element('tbody'), strip = element('div', { class: 'widget-strip' }), status = statusLine();

  function show(line) {
    const table = counts(answers, line);
    body.replaceChildren(...table.map((row, truth) => element('tr', {}, element('th', { scope: 'row' }, named(labels, truth)),
      ...row.map((n, answer) => element('td', { class: truth === answer ? 'widget-right' : 'widget-wrong' }, String(n))))));
    const wrong = answers.map(([truth, probability], i) => ({ truth, probability, address: addresses[i] }))
      .filter(({ truth, probability }) => truth !== Number(probability >= line));
    strip.replaceChildren(...wrong.slice(0, MOST_SHOWN).map(({ truth, probability, address }) => element('div', {},
      element('img', { src: address, alt: `Painting labelled ${labels[truth]}`, width: 96, height: 96, loading: 'lazy' }),
      element('span', {}, named(labels, truth), ` ${probability.toFixed(2)}`))));
    status.textContent = `${wrong.length} of ${answers.length} wrong: ${table[0][1]} called ${labels[1]} that are not, `
      + `${table[1][0]} of ${labels[1]} missed${wrong.length > MOST_SHOWN ? `. The first ${MOST_SHOWN} are shown` : ''}`;
  }

  room.append(
    element('div', { class: 'widget-controls' },
      slider(`call it ${labels[1]} from a probability of`, { min: 0, max: 1, step: 0.01, value: 0.5 }, show)),
    element('table', {}, element('caption', {}, 'True label by row, answer by column'),
      element('thead', {}, element('tr', {}, element('td'), ...labels.map((_, i) => element('th', { scope: 'col' }, named(labels, i))))), body),
    status, strip);
  show(0.5);
}
