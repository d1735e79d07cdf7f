/* What a network sees of one picture: mirrored, turned, enlarged, tilted, lighter or darker, by chance and within bounds. */
import { button, checkbox, choice, element, ownPicture, picture, slider, statusLine, svg, whenNear } from './parts.js';

const SIDE = 128, VIEWS = 8;

// Random numbers from 0 to 1 that come again with the same seed (the generator is mulberry32).
export function random(seed) {
  return () => {
    seed = seed + 0x6D2B79F5 | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, 1 | seed);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0)/2**32;
  };
}

// One draw within the bounds of fastai's aug_transforms: half of the views are mirrored, and each other change happens in three
// views of four. `degrees` is the turn; the picture is enlarged about the point (across, down), from 0 to 1; `tilts` is how far
// its corners move up and sideways, in half sides; `brightness` is added to a pixel's logit, `contrast` multiplies it.
export function draws({ mirror, turn, enlarge, tilt, light }, next) {
  const between = (low, high) => low + (high - low)*next();
  const some = (value, otherwise) => { const drawn = value(); return next() < 0.75 ? drawn : otherwise; };
  const logit = p => Math.log(p/(1 - p));
  return {
    mirrored: next() < 0.5 && mirror,
    degrees: some(() => between(-turn, turn), 0),
    enlarged: some(() => between(1, enlarge), 1), across: next(), down: next(),
    tilts: [some(() => between(-tilt, tilt), 0), some(() => between(-tilt, tilt), 0)],
    brightness: logit(some(() => between(0.5 - light/2, 0.5 + light/2), 0.5)),
    contrast: some(() => Math.exp(between(Math.log(1 - light), -Math.log(1 - light))), 1),
  };
}

// From the picture to its view, both from -1 to 1: where fastai reads, the other way round.
export function placing({ mirrored, degrees, enlarged, across, down, tilts: [k, m] }) {
  // The corners (x, y) come to (x - m·xy, y - k·xy): the matrix of that, column by column.
  const tilted = new DOMMatrix([1 - m*m, -k*m, 0, k, -k*m, 1 - k*k, 0, m, 0, 0, 1, 0, k, m, 0, 1]);
  return new DOMMatrix().translate((1 - enlarged)*(2*across - 1), (1 - enlarged)*(2*down - 1)).scale(enlarged)
    .rotate(degrees).scale(mirrored ? -1 : 1, 1).multiply(tilted);
}

// A byte of a pixel after the change of light, for all 256 of them.
export function lighting({ brightness, contrast }) {
  return Array.from({ length: 256 }, (_, byte) => {
    const p = Math.min(1 - 1e-7, Math.max(1e-7, byte/255)), logit = contrast*(Math.log(p/(1 - p)) + brightness);
    return Math.round(255/(1 + Math.exp(-logit)));
  });
}

// The middle square of an image as a network gets it, among its mirror images, which fill corners as fastai fills them.
function tile(image) {
  const { width, height } = image, side = Math.min(width, height), step = SIDE - 1;
  const square = element('canvas', { width: SIDE, height: SIDE }), paper = square.getContext('2d');
  paper.imageSmoothingQuality = 'high';
  paper.drawImage(image, (width - side)/2, (height - side)/2, side, side, 0, 0, SIDE, SIDE);
  const tiles = element('canvas', { width: SIDE + 4*step, height: SIDE + 4*step }), wall = tiles.getContext('2d');
  for (let i = -2; i <= 2; i++) for (let j = -2; j <= 2; j++) {
    wall.setTransform(i % 2 ? -1 : 1, 0, 0, j % 2 ? -1 : 1, tiles.width/2 + i*step, tiles.height/2 + j*step);
    wall.drawImage(square, -SIDE/2, -SIDE/2);
  }
  return tiles;
}

// A window on the tiles, and the filter that changes its light. Neither reads a pixel, so that they also work from a file.
function viewer(name) {
  const curves = ['R', 'G', 'B'].map(channel => svg(`feFunc${channel}`, { type: 'table' }));
  const filter = svg('filter', { id: name, x: 0, y: 0, width: 1, height: 1, 'color-interpolation-filters': 'sRGB' },
    svg('feComponentTransfer', {}, ...curves));
  const canvas = element('canvas'), frame = element('div', { class: 'widget-view' }, canvas);
  frame.style.filter = `url("#${name}")`;
  return {
    filter, frame,
    load(tiles) {
      canvas.width = canvas.height = tiles.width;
      canvas.getContext('2d').drawImage(tiles, 0, 0);
    },
    show(drawn) {
      const unit = frame.clientWidth*(SIDE - 1)/SIDE/2;  // from -1 to 1 are the middles of the outermost pixels
      if (unit) canvas.style.transform = new DOMMatrix().scale(unit).multiply(placing(drawn)).scale(1/unit);
      const table = lighting(drawn).map(byte => byte/255).join(' ');
      for (const curve of curves) curve.setAttribute('tableValues', table);
    },
  };
}

let widgets = 0;

// `values`: the bounds that the lesson starts with, and the pictures' names.
export default function augment(room, values, addresses) {
  const bounds = { ...values.bounds }, status = statusLine(), id = widgets++;
  const views = Array.from({ length: VIEWS }, (_, i) => viewer(`light-${id}-${i}`));
  const wall = element('div', { class: 'widget-views', role: 'img', 'aria-label': `${VIEWS} views of the picture` }, ...views.map(view => view.frame),
    svg('svg', { width: 0, height: 0, class: 'widget-filters' }, ...views.map(view => view.filter)));
  let seed = 42;

  function place() {
    const next = random(seed);
    for (const view of views) view.show(draws(bounds, next));
  }
  function draw() {
    place();
    status.textContent = `${VIEWS} views of one picture: turned by up to ${bounds.turn}°, up to ${bounds.enlarge.toFixed(2)} times as large, `
      + `tilted by up to ${bounds.tilt.toFixed(2)}, light varied by ${Math.round(100*bounds.light)}%`
      + (bounds.mirror ? ', half of them mirrored' : '');
  }

  const set = name => number => { bounds[name] = number; draw(); };
  function show(image) {
    const tiles = tile(image);
    for (const view of views) view.load(tiles);
    draw();
  }
  const load = i => picture(addresses[i], values.pictures[i].box).then(show);

  room.append(wall,
    element('div', { class: 'widget-controls' },
      slider('turn', { min: 0, max: 90, step: 5, value: bounds.turn, digits: 0, unit: '°' }, set('turn')),
      slider('enlarge', { min: 1, max: 2, step: 0.05, value: bounds.enlarge }, set('enlarge')),
      slider('tilt', { min: 0, max: 0.3, step: 0.05, value: bounds.tilt }, set('tilt')),
      slider('light', { min: 0, max: 0.9, step: 0.05, value: bounds.light }, set('light')),
      checkbox('mirror', bounds.mirror, set('mirror')),
      button('Draw again', () => { seed++; draw(); }),
      choice('picture', values.pictures.map(each => each.name), load), ownPicture(show, status)),
    status);
  whenNear(room, () => load(0));
  new ResizeObserver(place).observe(wall);
}
