/* A convolution, window by window: a filter is multiplied with what lies below it, and the sum is one number of the map. */
import { button, choice, element, signed, slider, statusLine, svg, wantsStillness } from './parts.js';

const CELL = 20;
const minus = number => String(number).replace('-', '−');

// The products below the window that belongs to a place of the map, row by row, and their sum. Beyond the picture all is zero.
export function convolve(picture, filter, row, column, { stride, padding }) {
  const products = filter.map((line, i) => line.map((weight, j) =>
    weight*(picture[row*stride - padding + i]?.[column*stride - padding + j] ?? 0)));
  return { products, sum: products.flat().reduce((total, product) => total + product, 0) };
}

export const sideAfter = (side, { size, stride, padding }) => Math.floor((side + 2*padding - size)/stride) + 1;

// A square of n × n squares; `paint` gets, for each of their rows and columns, attributes and perhaps a number to write in it.
function squares(n, name, ...more) {
  const cells = Array.from({ length: n*n }, () => svg('rect')), words = cells.map(() => svg('text', { 'text-anchor': 'middle' }));
  const node = svg('svg', { viewBox: `-1 -1 ${n*CELL + 2} ${n*CELL + 2}`, class: 'widget-squares', role: 'img', 'aria-label': name },
    svg('rect', { class: 'widget-sheet', width: n*CELL, height: n*CELL }), ...cells, ...words, ...more);
  const paint = content => cells.forEach((cell, k) => {
    const row = Math.floor(k/n), column = k % n, { number = '', ...attributes } = content(row, column);
    const inset = attributes.class === 'widget-minus' ? 3 : 0;
    const place = { x: column*CELL + inset, y: row*CELL + inset, width: CELL - 2*inset, height: CELL - 2*inset };
    for (const [key, value] of Object.entries({ ...place, ...attributes })) cell.setAttribute(key, value);
    words[k].textContent = number;
    words[k].setAttribute('x', (column + 0.5)*CELL);
    words[k].setAttribute('y', (row + 0.5)*CELL + 3);
  });
  return { node, paint };
}

const largest = rows => Math.max(...rows.flat().map(Math.abs));
const hundredths = value => minus(Math.round(100*value) || 0);

// `values`: a grey picture and filters, rows of numbers each, the stride and the padding.
export default function convolution(room, { picture, filters, stride, padding }) {
  const side = picture.length, size = filters[0].length, steps = { size, stride, padding }, places = sideAfter(side, steps);
  const status = statusLine(), dark = Math.min(...picture.flat()), light = Math.max(...picture.flat());
  const halo = svg('rect', { class: 'widget-halo' }), window_ = svg('rect', { class: 'widget-window' });
  const here = svg('rect', { class: 'widget-window', width: CELL, height: CELL });
  const from = squares(side, 'The picture and the window', halo, window_);
  const by = squares(size, 'The filter'), products = squares(size, 'The products'), map = squares(places, 'The map', here);
  for (const { node } of [by, products]) node.classList.add('widget-numbers');
  const edge = padding*CELL;
  from.node.setAttribute('viewBox', `${-edge - 4} ${-edge - 4} ${side*CELL + 2*edge + 8} ${side*CELL + 2*edge + 8}`);
  from.node.prepend(svg('rect', { class: 'widget-padding', x: -edge, y: -edge, width: side*CELL + 2*edge, height: side*CELL + 2*edge }));
  from.node.setAttribute('tabindex', 0);
  from.node.setAttribute('role', 'application');
  from.node.setAttribute('aria-label', 'The picture. The arrow keys move the window.');
  const panel = (name, { node }) => element('div', { class: 'widget-panel' }, element('span', {}, name), node);
  const rows = element('tbody');
  const centre = Math.ceil(places/2) - 1;
  let filter = filters[0], row = centre, column = centre, sums, seen, timer;

  from.paint((i, j) => {
    const level = Math.round(255*(picture[i][j] - dark)/(light - dark || 1));
    return { fill: `rgb(${level},${level},${level})` };
  });

  function show() {
    const under = convolve(picture, filter, row, column, steps), most = largest(under.products);
    seen.add(row*places + column);
    for (const frame of [halo, window_])
      for (const [key, value] of Object.entries({ x: (column*stride - padding)*CELL, y: (row*stride - padding)*CELL,
        width: size*CELL, height: size*CELL })) frame.setAttribute(key, value);
    here.setAttribute('x', column*CELL);
    here.setAttribute('y', row*CELL);
    products.paint((i, j) => ({ ...signed(under.products[i][j], most), number: hundredths(under.products[i][j]) }));
    const top = largest(sums);
    map.paint((i, j) => seen.has(i*places + j) ? signed(sums[i][j], top) : { class: 'widget-unseen', 'fill-opacity': 0 });
    rows.replaceChildren(...under.products.map(line => element('tr', {},
      ...line.map(product => element('td', {}, minus(product.toFixed(3)))))));
    status.textContent = `Row ${row + 1}, column ${column + 1} of ${places}: `
      + `the ${size*size} products add up to ${minus(under.sum.toFixed(3))}`;
  }

  function choose(i) {
    clearInterval(timer);
    filter = filters[i];
    sums = Array.from({ length: places }, (_, r) => Array.from({ length: places }, (_, c) => convolve(picture, filter, r, c, steps).sum));
    seen = new Set();
    const most = largest(filter);
    by.paint((r, c) => ({ ...signed(filter[r][c], most), number: hundredths(filter[r][c]) }));
    show();
  }

  function go(to, along) {
    clearInterval(timer);
    [row, column] = [to, along].map(place => Math.min(places - 1, Math.max(0, place)));
    down.set(row + 1);
    across.set(column + 1);
    show();
  }
  const range = { min: 1, max: places, step: 1, value: centre + 1, digits: 0 };
  const down = slider('row', range, place => go(place - 1, column));
  const across = slider('column', range, place => go(row, place - 1));

  const ways = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  from.node.addEventListener('keydown', event => {
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    go(row + way[0], column + way[1]);
  });
  const drag = ({ clientX, clientY }) => {
    const box = from.node.getBoundingClientRect(), one = box.width/(side + 2*padding + 8/CELL);
    const place = pixel => Math.round((pixel/one - size/2)/stride);
    go(place(clientY - box.top), place(clientX - box.left));
  };
  from.node.addEventListener('pointerdown', event => {
    from.node.setPointerCapture(event.pointerId);
    drag(event);
  });
  from.node.addEventListener('pointermove', event => from.node.hasPointerCapture(event.pointerId) && drag(event));

  function fill() {
    clearInterval(timer);
    if (wantsStillness()) {
      for (let k = 0; k < places*places; k++) seen.add(k);
      return show();
    }
    let k = 0;
    timer = setInterval(() => {
      [row, column] = [Math.floor(k/places), k % places];
      down.set(row + 1);
      across.set(column + 1);
      show();
      if (++k === places*places) clearInterval(timer);
    }, 30);
  }

  room.append(
    element('div', { class: 'widget-panels' }, panel('picture, padded', from), panel('filter, in hundredths', by),
      panel('map: the sums', map), panel('products, in hundredths', products)),
    element('div', { class: 'widget-controls' },
      choice('filter', filters.map((_, i) => String(i + 1)), choose), down, across,
      element('div', { class: 'widget-group' }, button('Fill the map', fill), button('Empty it', () => {
        clearInterval(timer);
        seen.clear();
        show();
      }))),
    status,
    element('details', { class: 'widget-steps' }, element('summary', {}, 'The products in numbers'),
      element('div', { class: 'widget-scroll', tabindex: 0, role: 'group', 'aria-label': 'The products in numbers' },
        element('table', {}, rows))));
  choose(0);
}
