/* What a network sees of one picture: mirrored, turned, enlarged, lighter or darker, by chance and within bounds. */
import { button, checkbox, choice, element, ownPicture, picture, slider, statusLine } from './parts.js';

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

// One draw within the bounds of fastai's aug_transforms: half of the views are mirrored, and of the others each change happens
// in three views of four. `degrees` is the turn, `brightness` is added to a pixel's logit, `contrast` multiplies it.
export function draws({ mirror, turn, enlarge, light }, next) {
  const between = (low, high) => low + (high - low)*next();
  const some = (value, otherwise) => { const drawn = value(); return next() < 0.75 ? drawn : otherwise; };
  const logit = p => Math.log(p/(1 - p));
  return {
    mirrored: next() < 0.5 && mirror,
    degrees: some(() => between(-turn, turn), 0),
    enlarged: some(() => between(1, enlarge), 1),
    brightness: logit(some(() => between(0.5 - light/2, 0.5 + light/2), 0.5)),
    contrast: some(() => Math.exp(between(Math.log(1 - light), -Math.log(1 - light))), 1),
  };
}

// A byte of a pixel after the change of light, for all 256 of them.
export function lighting({ brightness, contrast }) {
  return Array.from({ length: 256 }, (_, byte) => {
    const p = Math.min(1 - 1e-7, Math.max(1e-7, byte/255)), logit = contrast*(Math.log(p/(1 - p)) + brightness);
    return Math.round(255/(1 + Math.exp(-logit)));
  });
}

function drawView(canvas, image, drawn) {
  const paper = canvas.getContext('2d', { willReadFrequently: true });
  const { width, height } = image, fit = SIDE/Math.min(width, height);
  paper.setTransform(1, 0, 0, 1, SIDE/2, SIDE/2);
  paper.rotate(drawn.degrees*Math.PI/180);
  paper.scale(drawn.enlarged*(drawn.mirrored ? -fit : fit), drawn.enlarged*fit);
  // The picture among its mirror images, which fill the corners as fastai fills them.
  for (const i of [-1, 1, 0]) for (const j of [-1, 1, 0]) {
    paper.save();
    paper.translate(i*(width - 1), j*(height - 1));
    paper.scale(i ? -1 : 1, j ? -1 : 1);
    paper.drawImage(image, -width/2, -height/2);
    paper.restore();
  }
  if (location.protocol === 'file:') return;  // there the browser lets no script read a picture's pixels
  const pixels = paper.getImageData(0, 0, SIDE, SIDE), table = lighting(drawn);
  for (let i = 0; i < pixels.data.length; i++) if (i % 4 < 3) pixels.data[i] = table[pixels.data[i]];
  paper.putImageData(pixels, 0, 0);
}

// `values`: the bounds that the lesson starts with, and the pictures' names.
export default function augment(room, values, addresses) {
  const bounds = { ...values.bounds }, status = statusLine();
  const views = Array.from({ length: VIEWS }, () => element('canvas', { width: SIDE, height: SIDE }));
  const wall = element('div', { class: 'widget-views', role: 'img' }, ...views);
  let image, seed = 42;

  function draw() {
    if (!image) return;
    const next = random(seed);
    for (const view of views) drawView(view, image, draws(bounds, next));
    wall.setAttribute('aria-label', `${VIEWS} views of the picture`);
    status.textContent = `${VIEWS} views of one picture: turned by up to ${bounds.turn}°, up to ${bounds.enlarge.toFixed(2)} times as large, `
      + (location.protocol === 'file:' ? 'the light as it is, since a page without a server can\'t change it'
        : `light varied by ${Math.round(100*bounds.light)}%`) + (bounds.mirror ? ', half of them mirrored' : '');
  }

  const set = name => number => { bounds[name] = number; draw(); };
  function show(chosen) {
    image = chosen;
    draw();
  }
  const load = i => picture(addresses[i], values.pictures[i].box).then(show);

  room.append(wall,
    element('div', { class: 'widget-controls' },
      slider('turn', { min: 0, max: 90, step: 5, value: bounds.turn, digits: 0, unit: '°' }, set('turn')),
      slider('enlarge', { min: 1, max: 2, step: 0.05, value: bounds.enlarge }, set('enlarge')),
      slider('light', { min: 0, max: 0.9, step: 0.05, value: bounds.light }, set('light')),
      checkbox('mirror', bounds.mirror, set('mirror')),
      button('Draw again', () => { seed++; draw(); }),
      choice('picture', values.pictures.map(each => each.name), load), ownPicture(show, status)),
    status);
  load(0);
}
