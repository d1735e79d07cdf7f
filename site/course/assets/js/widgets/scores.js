/* From scores to a loss: drag a score, and see its power of e, the shares that softmax makes, and what the true one costs. */
import { choice, element, named, scale, slider, statusLine, svg } from './parts.js';

const WIDTH = 560, HEIGHT = 320, MOST = 5;

// For each score its power of e and its share, and the loss: what the true one's share costs.
export function softmax(scores, truth) {
  const powers = scores.map(Math.exp), all = powers.reduce((total, power) => total + power, 0);
  return { powers, shares: powers.map(power => power/all), loss: Math.log(all) - scores[truth] };
}

// A circle for the first class, a square for the second and those after it.
const mark = (i, x, y, size) => i ? svg('rect', { x: x - size, y: y - size, width: 2*size, height: 2*size, class: 'widget-second-mark' })
  : svg('circle', { cx: x, cy: y, r: size, class: 'widget-first-mark' });

// `values`: labels, the scores that the network gave, and the number of the true label.
export default function scores(room, { labels, scores: given, truth }) {
  const highest = Math.max(6, ...given.map(score => Math.ceil(Math.abs(score))));
  const now = [...given], status = statusLine(), rows = element('tbody');
  const left = 30, middle = 235, count = labels.length, up = scale([-highest, highest], [HEIGHT - 44, 36]);
  const across = i => left + 20 + i*150/count, tall = scale([0, 1], [HEIGHT - 44, 36]);
  const word = (x, y, text, anchor = 'start') => svg('text', { x, y, 'text-anchor': anchor }, text);
  const curve = Array.from({ length: 100 }, (_, i) => (i + 1)/100);
  const frame = { sx: scale([0, 1], [395, WIDTH - 14]), sy: scale([0, MOST], [HEIGHT - 44, 36]) };
  const moving = svg('g');
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', class: 'widget-chart' },
    svg('g', { class: 'widget-axes' },
      svg('path', { d: `M${left} ${up(highest)}V${up(-highest)}M${left} ${up(0)}h170` }),
      svg('path', { d: `M${middle - 10} ${tall(0)}h120M395 ${frame.sy(MOST)}V${frame.sy(0)}H${WIDTH - 14}` }),
      word(left, 20, 'score'), word(middle - 10, 20, 'share'), word(395, 20, 'loss'),
      word(left - 6, up(0) + 5, '0', 'end'), word(395, HEIGHT - 24, '0', 'middle'), word(WIDTH - 14, HEIGHT - 24, '1', 'middle'),
      word(WIDTH - 14, HEIGHT - 4, 'share of the true', 'end')),
    svg('path', { class: 'widget-line', d: `M${curve.map(share => `${frame.sx(share).toFixed(1)} ${frame.sy(-Math.log(share)).toFixed(1)}`).join('L')}` }),
    moving);

  function show() {
    const { powers, shares, loss } = softmax(now, truth), wide = 90/count;
    moving.replaceChildren(
      ...now.map((score, i) => svg('path', { d: `M${across(i)} ${up(0)}V${up(score)}`, class: 'widget-stem' })),
      ...now.map((score, i) => mark(i, across(i), up(score), 8)),
      ...shares.map((share, i) => svg('rect', { x: middle + i*100/count, y: tall(share), width: wide, height: tall(0) - tall(share),
        class: `${i ? 'widget-second-mark' : 'widget-first-mark'}${i === truth ? ' widget-true' : ''}` })),
      ...shares.map((share, i) => mark(i, middle + i*100/count + wide/2, HEIGHT - 28, 6)),
      svg('circle', { cx: frame.sx(shares[truth]), cy: frame.sy(Math.min(loss, MOST)), r: 7, class: 'widget-dot' }));
    rows.replaceChildren(...now.map((score, i) => element('tr', {}, element('th', { scope: 'row' }, named(labels, i)),
      ...[score.toFixed(1), powers[i].toFixed(3), shares[i].toFixed(4)].map(text => element('td', {}, text)))));
    status.textContent = `True is ${labels[truth]}: its share is ${shares[truth].toFixed(4)}, the loss ${loss.toFixed(4)}`;
    picture.setAttribute('aria-label', `Scores, shares and loss. ${status.textContent}`);
  }

  function set(i, score) {
    now[i] = Math.round(10*Math.min(highest, Math.max(-highest, score)))/10;
    fields[i].set(now[i]);
    show();
  }
  const fields = labels.map((label, i) => slider(`score of ${label}`,
    { min: -highest, max: highest, step: 0.1, value: given[i], digits: 1 }, score => { now[i] = score; show(); }));

  // The score nearest to the pointer follows it up and down.
  let held = 0;
  const drag = ({ clientY }) => {
    const box = picture.getBoundingClientRect();
    set(held, up.back((clientY - box.top)*HEIGHT/box.height));
  };
  picture.addEventListener('pointerdown', event => {
    const box = picture.getBoundingClientRect(), x = (event.clientX - box.left)*WIDTH/box.width;
    if (x > middle - 20) return;
    held = now.reduce((best, _, i) => Math.abs(across(i) - x) < Math.abs(across(best) - x) ? i : best, 0);
    picture.setPointerCapture(event.pointerId);
    drag(event);
  });
  picture.addEventListener('pointermove', event => picture.hasPointerCapture(event.pointerId) && drag(event));

  const truths = choice('true is', labels, i => { truth = i; show(); });
  truths.lastChild.selectedIndex = truth;
  room.append(picture, element('div', { class: 'widget-controls' }, ...fields, truths),
    element('table', {}, element('thead', {}, element('tr', {}, element('td'),
      element('th', { scope: 'col' }, 'score'), element('th', { scope: 'col' }, 'e', element('sup', {}, 'score')),
      element('th', { scope: 'col' }, 'share'))), rows),
    status);
  show();
}
