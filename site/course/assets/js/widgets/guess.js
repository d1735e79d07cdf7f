/* You against the network: name each picture, then see what the network said and what is true, and both counts. */
import { button, element, named, statusLine } from './parts.js';

let widgets = 0;

export const right = (answers, truths) => answers.filter((answer, i) => answer === truths[i]).length;

// `values`: labels; for each picture the true label's number, the network's answer, and how probable it held that.
export default function guess(room, { labels, answers }, addresses) {
  const id = widgets++, count = answers.length, truths = answers.map(([truth]) => truth), status = statusLine();
  if (!count || addresses.length !== count) throw new Error(`${count} answers for ${addresses.length} pictures`);
  const cards = answers.map(([truth, answer, probability], i) => {
    const radios = labels.map(() => element('input', { type: 'radio', name: `guess-${id}-${i}`, onchange: show }));
    const verdict = element('p', { class: 'widget-verdict' }), sign = right => right ? ' ✓' : ' ✗';
    return {
      guessed: () => radios.findIndex(radio => radio.checked),
      card: element('fieldset', { class: 'widget-card' }, element('legend', {}, `Picture ${i + 1}`),
        element('img', { src: addresses[i], alt: `Painting ${i + 1} of ${count}, to be named`, width: 256, height: 256, loading: 'lazy' }),
        element('div', { class: 'widget-group' },
          ...radios.map((radio, k) => element('label', { class: 'widget-field' }, radio, named(labels, k)))),
        verdict),
      reveal(mine) {
        for (const radio of radios) radio.disabled = true;
        verdict.replaceChildren('It is ', named(labels, truth),
          `. You${sign(mine === truth)}, network${sign(answer === truth)} (${Math.round(100*probability)}% sure)`);
      },
      hide() {
        for (const radio of radios) radio.checked = radio.disabled = false;
        verdict.replaceChildren();
      },
    };
  });
  const guesses = () => cards.map(card => card.guessed());

  function show() {
    const done = guesses().filter(answer => answer >= 0).length;
    answer.disabled = done < count;
    status.textContent = done < count ? `${done} of ${count} named` : 'All are named. Now see the answers.';
  }
  const answer = button('Show the answers', () => {
    const mine = guesses();
    cards.forEach((card, i) => card.reveal(mine[i]));
    answer.disabled = true;
    const network = right(answers.map(([, said]) => said), truths);
    status.textContent = `Right: you ${right(mine, truths)} of ${count}, the network ${network} of ${count}`;
  });
  const again = button('Again', () => {
    for (const card of cards) card.hide();
    show();
  });

  room.append(element('div', { class: 'widget-cards' }, ...cards.map(({ card }) => card)),
    element('div', { class: 'widget-controls' }, answer, again), status);
  show();
}
