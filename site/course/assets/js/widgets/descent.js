/* Gradient descent to drag: one number in a valley, or two in a landscape seen from above. The sums are those of lesson 05. */
import { button, chart, choice, element, slider, statusLine, svg, wantsStillness } from './parts.js';

const WIDTH = 560, HEIGHT = 320;

const mean = numbers => numbers.reduce((sum, n) => sum + n, 0)/numbers.length;

// The two losses. `light` was measured at places x from -1 to 1; `tilt` is the parabola's third number, which rests here.
export function losses({ light, tilt }) {
  const x = light.map((_, i) => -1 + 2*i/(light.length - 1));
  const misses = ([bend, height]) => light.map((l, i) => bend*x[i]**2 + tilt*x[i] + height - l);
  return {
    'one number': {
      loss: ([grey]) => mean(light.map(l => (grey - l)**2)),
      gradient: ([grey]) => [2*mean(light.map(l => grey - l))],
    },
    'two numbers': {
      loss: at => mean(misses(at).map(miss => miss**2)),
      gradient: at => [2*mean(misses(at).map((miss, i) => miss*x[i]**2)), 2*mean(misses(at))],
    },
  };
}

// The path, start included, as atelier.descent.descend gives it.
export function descend(gradient, start, lr, steps) {
  const path = [start];
  for (let step = 0; step < steps; step++) {
    const here = path.at(-1), slope = gradient(here);
    path.push(here.map((number, k) => number - lr*slope[k]));
  }
  return path;
}

// A line of equal loss as the d of an SVG path, by marching squares over `cells` × `cells`.
function contour(loss, level, { sx, sy }, [[left, right], [low, high]], cells = 48) {
  const at = (i, j) => [left + (right - left)*i/cells, low + (high - low)*j/cells];
  const above = Array.from({ length: cells + 1 }, (_, i) => Array.from({ length: cells + 1 }, (_, j) => loss(at(i, j)) - level));
  let d = '';
  for (let i = 0; i < cells; i++) for (let j = 0; j < cells; j++) {
    const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]], crossings = [];
    corners.forEach(([p, q], k) => {
      const [r, s] = corners[(k + 1) % 4], here = above[p][q], there = above[r][s];
      if (here*there >= 0) return;
      const share = here/(here - there), [x, y] = at(p + share*(r - p), q + share*(s - q));
      crossings.push(`${sx(x).toFixed(1)} ${sy(y).toFixed(1)}`);
    });
    for (let k = 0; k + 1 < crossings.length; k += 2) d += `M${crossings[k]}L${crossings[k + 1]}`;
  }
  return d;
}

// The chart of a problem with its ground: a valley, or a landscape. `spot` says where a point of the path is drawn.
function ground({ names, ranges }, loss) {
  if (ranges.length === 2) {
    const frame = chart({ width: WIDTH, height: HEIGHT, x: ranges[0], y: ranges[1], names });
    const levels = Array.from({ length: 12 }, (_, i) => 10**(-3 + i*3/11));
    const lines = levels.map(level => svg('path', { d: contour(loss, level, frame, ranges), class: 'widget-contour' }));
    return { ...frame, lines, spot: at => [frame.sx(at[0]), frame.sy(at[1])] };
  }
  const [[from, to]] = ranges, numbers = Array.from({ length: 101 }, (_, i) => from + (to - from)*i/100);
  const frame = chart({ width: WIDTH, height: HEIGHT, x: ranges[0], y: [0, Math.max(...numbers.map(n => loss([n])))], names: [names[0], 'loss'] });
  const d = `M${numbers.map(n => `${frame.sx(n).toFixed(1)} ${frame.sy(loss([n])).toFixed(1)}`).join('L')}`;
  return { ...frame, lines: [svg('path', { d, class: 'widget-line' })], spot: at => [frame.sx(at[0]), frame.sy(loss(at))] };
}

// Fills `room`. `values` is what lesson 05 printed: light, tilt, and the problems with names, ranges, start, lr and steps.
export default function descent(room, values) {
  const formulas = losses(values), status = statusLine();
  const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', class: 'widget-chart' });
  const controls = element('div', { class: 'widget-controls' });
  const rows = element('tbody'), head = element('tr');
  const table = element('details', { class: 'widget-steps' }, element('summary', {}, 'Every step in numbers'),
    element('div', { class: 'widget-scroll', tabindex: 0, role: 'group', 'aria-label': 'Every step in numbers' },
      element('table', {}, element('thead', {}, head), rows)));
  let problem, formula, view, start, lr, shown, timer, walk, dots, fields;

  function show() {
    const path = descend(formula.gradient, start, lr, shown), here = path.at(-1), loss = formula.loss(here);
    const spots = path.map(view.spot).filter(spot => spot.every(n => Math.abs(n) < 1e5));
    walk.setAttribute('points', spots.map(spot => spot.map(n => n.toFixed(2)).join()).join(' '));
    dots.replaceChildren(...spots.map(([cx, cy], i) => svg('circle', { cx, cy, r: i ? 3.5 : 8, class: i ? 'widget-dot' : 'widget-handle' })));
    rows.replaceChildren(...path.map((at, i) => element('tr', {}, element('th', { scope: 'row' }, String(i)),
      ...[...at, formula.loss(at)].map(n => element('td', {}, Math.abs(n) < 1e6 ? n.toFixed(6) : 'too large')))));
    const taken = `After ${shown} ${shown === 1 ? 'step' : 'steps'}`;
    status.textContent = loss < 1e3
      ? `${taken}: ${problem.names.map((each, k) => `${each} ${here[k].toFixed(3)}`).join(', ')}, loss ${loss.toFixed(4)}`
      : `${taken} the loss is beyond all bounds: the learning rate is too large.`;
    picture.setAttribute('aria-label', `Path of gradient descent. ${status.textContent}`);
  }

  function rest() {
    clearInterval(timer);
    timer = undefined;
  }

  function go(steps) {
    rest();
    shown = steps;
    show();
  }

  function run() {
    if (wantsStillness()) return go(problem.steps);
    go(0);
    timer = setInterval(() => {
      shown++;
      show();
      if (shown >= problem.steps) rest();
    }, 120);
  }

  // The start follows the pointer, wherever the picture is and however large it is drawn.
  function drag({ clientX, clientY }) {
    const box = picture.getBoundingClientRect();
    const pointed = [view.sx.back((clientX - box.left)*WIDTH/box.width), view.sy.back((clientY - box.top)*HEIGHT/box.height)];
    start = start.map((_, k) => Math.min(problem.ranges[k][1], Math.max(problem.ranges[k][0], pointed[k])));
    fields.forEach((field, k) => field.set(start[k]));
    go(problem.steps);
  }
  picture.addEventListener('pointerdown', event => {
    picture.setPointerCapture(event.pointerId);
    drag(event);
  });
  picture.addEventListener('pointermove', event => picture.hasPointerCapture(event.pointerId) && drag(event));

  const rate = slider('learning rate', { min: 0.01, max: 1.1, step: 0.01, value: 0.5 }, number => {
    lr = number;
    go(problem.steps);
  });
  const starts = element('div', { class: 'widget-group' });

  function choose(i) {
    problem = values.problems[i];
    formula = formulas[problem.name];
    ({ start, lr } = problem);
    view = ground(problem, formula.loss);
    walk = svg('polyline', { class: 'widget-walk' });
    dots = svg('g');
    picture.replaceChildren(view.axes, ...view.lines, walk, dots);
    head.replaceChildren(...['step', ...problem.names, 'loss'].map(each => element('th', { scope: 'col' }, each)));
    fields = problem.names.map((each, k) => slider(`start: ${each}`,
      { min: problem.ranges[k][0], max: problem.ranges[k][1], step: 0.01, value: start[k] }, number => {
        start = start.with(k, number);
        go(problem.steps);
      }));
    starts.replaceChildren(...fields);
    rate.set(lr);
    go(problem.steps);
  }

  controls.append(
    choice('landscape', values.problems.map(each => each.name), choose), rate, starts,
    element('div', { class: 'widget-group' }, button('Run', run), button('From the start', () => go(0)),
      button('Step', () => go(shown + 1)), button('Back', () => go(Math.max(0, shown - 1)))));
  room.append(picture, controls, status, table);
  choose(0);
}
