/* What the widgets share: elements, the frame of a chart, controls with a name and a value to read, pictures. */

const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
};

export const element = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

export const wantsStillness = () => matchMedia('(prefers-reduced-motion: reduce)').matches;

// From a range of numbers to a range of pixels; `back` is the way back.
export function scale([from, to], [start, end]) {
  const there = number => start + (number - from)/(to - from)*(end - start);
  there.back = pixel => from + (pixel - start)/(end - start)*(to - from);
  return there;
}

// About `count` round numbers within a range.
export function ticks([from, to], count = 5) {
  const rough = (to - from)/count, power = 10**Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(n => n*power >= rough*0.999)*power;
  const first = Math.ceil(from/step - 1e-9), last = Math.floor(to/step + 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i)*step).toFixed(digits)));
}

// An SVG group with axes, ticks and names, and the scales that belong to it.
export function chart({ width, height, x, y, names: [across, up] }) {
  const box = { left: 56, right: width - 12, top: 12, bottom: height - 44 };
  const sx = scale(x, [box.left, box.right]), sy = scale(y, [box.bottom, box.top]);
  const axes = svg('g', { class: 'widget-axes' }, svg('path', { d: `M${box.left} ${box.top}V${box.bottom}H${box.right}` }));
  for (const n of ticks(x)) axes.append(svg('text', { x: sx(n), y: box.bottom + 18, 'text-anchor': 'middle' }, String(n)));
  for (const n of ticks(y, 4)) axes.append(svg('text', { x: box.left - 8, y: sy(n) + 4, 'text-anchor': 'end' }, String(n)));
  axes.append(
    svg('text', { x: box.right, y: height - 6, 'text-anchor': 'end' }, across),
    svg('text', { x: box.left + 8, y: box.top + 10 }, up));
  return { axes, sx, sy, box };
}

// A slider with its name before it and its value after it.
export function slider(name, { min, max, step, value, digits = 2, unit = '' }, changed) {
  const text = number => number.toFixed(digits) + unit;
  const shown = element('span', { class: 'widget-value', 'aria-hidden': 'true' }, text(value));
  const input = element('input', { type: 'range', min, max, step, value, oninput() {
    shown.textContent = text(input.valueAsNumber);
    changed(input.valueAsNumber);
  } });
  const field = element('label', { class: 'widget-field' }, element('span', {}, name), input, shown);
  field.set = number => {
    input.value = number;
    shown.textContent = text(number);
  };
  return field;
}

export const button = (name, pressed) => element('button', { type: 'button', onclick: pressed }, name);

// One of several; `changed` gets its number.
export const choice = (name, all, changed) => element('label', { class: 'widget-field' }, element('span', {}, name),
  element('select', { onchange: event => changed(event.target.selectedIndex) }, ...all.map(each => element('option', {}, each))));

export const checkbox = (name, checked, changed) => element('label', { class: 'widget-field' },
  element('input', { type: 'checkbox', checked, onchange: event => changed(event.target.checked) }), name);

// The name of one of two classes, with the colour and the mark that it has everywhere.
export const named = (labels, i) => element('span', { class: i ? 'widget-second' : 'widget-first' }, labels[i]);

// What the lines and marks of a chart mean: pairs of a class and a word.
export const key = pairs => element('p', { class: 'widget-key' },
  ...pairs.map(([name, word]) => element('span', { class: name }, word)));

// Turns numbers into the attributes of squares: what is below zero is smaller, and of another colour.
export const signed = (value, largest) => ({ class: value < 0 ? 'widget-minus' : 'widget-plus',
  'fill-opacity': (Math.abs(value)/(largest || 1)).toFixed(3) });

// Does something once its room comes near the screen, so that a page loads no picture before; paper shows the still until then.
export function whenNear(room, act) {
  room.dataset.waiting = '';
  const watch = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    watch.disconnect();
    delete room.dataset.waiting;
    act();
  }, { rootMargin: '100%' });
  watch.observe(room);
}

// A line that is read aloud when it changes.
export const statusLine = () => element('p', { class: 'widget-status', role: 'status' });

// A picture's file, or the part of it in `box` (left, top, right, bottom), as a canvas.
export async function picture(address, box) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const [left, top, right, bottom] = box ?? [0, 0, image.naturalWidth, image.naturalHeight];
  const canvas = element('canvas', { width: right - left, height: bottom - top });
  canvas.getContext('2d').drawImage(image, -left, -top);
  return canvas;
}

const MOST_PIXELS = 40e6;

// A picture from the reader's own disk; on pages alone. What can't be one is answered by a sentence.
export const ownPicture = (chosen, status) => element('label', { class: 'widget-field widget-own' }, element('span', {}, 'your own'),
  element('input', { type: 'file', accept: 'image/*', async onchange(event) {
    const [file] = event.target.files;
    if (!file) return;
    let image;
    try {
      image = await createImageBitmap(file);
    } catch {
      status.textContent = `${file.name} is no picture that this browser can read. Choose a JPEG, PNG or WebP.`;
      return;
    }
    if (image.width*image.height > MOST_PIXELS) status.textContent = `${file.name} has more than 40 million pixels. Choose a smaller picture.`;
    else if (Math.min(image.width, image.height) < 2) status.textContent = `${file.name} is a single row of pixels. Choose a larger picture.`;
    else chosen(image);
  } }));
