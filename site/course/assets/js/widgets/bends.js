/* Bends that add up: ReLUs, each with a place and a weight, and the curve that they make together. */
import { chart, element, key, slider, statusLine, svg } from './parts.js';

const WIDTH = 560, HEIGHT = 320, LIMIT = 1;

// The sum at places x from -1 to 1. The last weight is the constant, which has no bend.
export const sum = (x, kinks, weights) => x.map(place =>
  weights.reduce((total, weight, i) => total + weight*(i < kinks.length ? Math.max(0, place - kinks[i]) : 1), 0));

export const loss = (fitted, measured) => fitted.reduce((total, f, i) => total + (f - measured[i])**2, 0)/measured.length;

// Where one bend leaves the chart, or ends at its right side.
const end = (kink, weight) => Math.min(1, kink + LIMIT/Math.abs(weight));

// `values`: the light measured at places from -1 to 1; the places of the bends, in the order in which they were added; for each
// count of them the weights.
export default function bends(room, { light, kinks, weights, start }) {
  const x = light.map((_, i) => -1 + 2*i/(light.length - 1)), status = statusLine();
  const frame = chart({ width: WIDTH, height: HEIGHT, x: [-1, 1], y: [-LIMIT, LIMIT], names: ['x, from top to bottom', 'light'] });
  const path = points => `M${points.map(([a, b]) => `${frame.sx(a).toFixed(1)} ${frame.sy(b).toFixed(1)}`).join('L')}`;
  const single = svg('g'), whole = svg('path', { class: 'widget-walk' });
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', class: 'widget-chart' }, frame.axes, single,
    svg('g', {}, ...light.map((l, i) => svg('circle', { cx: frame.sx(x[i]), cy: frame.sy(l), r: 3, class: 'widget-truth' }))), whole);

  function show(count) {
    const used = kinks.slice(0, count), fit = weights[count - 1], fitted = sum(x, used, fit);
    single.replaceChildren(...used.map((kink, i) => {
      const last = end(kink, fit[i]);
      return svg('path', { class: 'widget-bend', d: path([[-1, 0], [kink, 0], [last, fit[i]*(last - kink)]]) });
    }));
    whole.setAttribute('d', path(x.map((place, i) => [place, fitted[i]])));
    status.textContent = `${count} ${count === 1 ? 'bend' : 'bends'} and a constant: loss ${loss(fitted, light).toFixed(5)}`;
    picture.setAttribute('aria-label', `Measured light, and the sum of bends. ${status.textContent}`);
  }

  room.append(picture,
    element('div', { class: 'widget-controls' }, slider('bends', { min: 1, max: weights.length, step: 1, value: start, digits: 0 }, show)),
    status, key([['widget-key-dot', 'measured'], ['widget-key-thin', 'each bend'], ['widget-key-line', 'their sum, with the constant']]));
  show(start);
}
