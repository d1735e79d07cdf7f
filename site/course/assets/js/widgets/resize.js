/* How a picture is made to fit a square: cropped, squished or padded, with the geometry of fastai's Resize. */
import { choice, element, ownPicture, picture, slider, statusLine, whenNear } from './parts.js';

const METHODS = ['crop', 'squish', 'pad'];

// Which part of a `width` × `height` picture fills the `size` × `size` square: left, top, and how much of it, in the picture's
// pixels. Where that reaches beyond the picture, the square is padded. Sums and roundings are fastai's.
export function part(method, width, height, size) {
  if (method === 'squish') return { left: 0, top: 0, across: width, down: height };
  const side = Math.trunc((method === 'crop' ? Math.min : Math.max)(width/size, height/size)*size);
  return { left: Math.trunc((width - side)/2), top: Math.trunc((height - side)/2), across: side, down: side };
}

// What was paid: the shares of the picture that are lost and of the square that are invented, and how many times as tall things are.
export function costs(method, width, height, size) {
  const { left, top, across, down } = part(method, width, height, size);
  const read = (Math.min(width, left + across) - Math.max(0, left))*(Math.min(height, top + down) - Math.max(0, top));
  return { lost: 1 - read/(width*height), taller: across/down, invented: 1 - read/(across*down) };
}

// `values`: size, and pictures with name and box (the part of the file that is the canvas).
export default function resize(room, values, addresses) {
  const before = element('canvas', { role: 'img' }), frame = element('div', { class: 'widget-frame' });
  const after = element('canvas', { role: 'img', class: 'widget-result' });
  const status = statusLine();
  let image, method = METHODS[0], size = values.size;

  function draw() {
    if (!image) return;
    const { width, height } = image, { left, top, across, down } = part(method, width, height, size);
    const [x, y] = [Math.min(0, left), Math.min(0, top)];
    before.width = Math.max(width, left + across) - x;
    before.height = Math.max(height, top + down) - y;
    before.getContext('2d').drawImage(image, -x, -y);
    const share = (pixels, all) => `${100*pixels/all}%`;
    Object.assign(frame.style, { left: share(left - x, before.width), top: share(top - y, before.height),
      width: share(across, before.width), height: share(down, before.height) });
    after.width = after.height = size;
    const square = after.getContext('2d');
    square.fillRect(0, 0, size, size);
    square.imageSmoothingQuality = 'high';
    square.drawImage(image, -left*size/across, -top*size/down, width*size/across, height*size/down);
    const { lost, taller, invented } = costs(method, width, height, size);
    const percent = share => `${Math.round(100*share)}%`;
    status.textContent = `${method}: ${percent(lost)} lost, ${taller.toFixed(1)} times as tall, ${percent(invented)} invented`;
    before.setAttribute('aria-label', 'The picture, and a frame around the part that is read.');
    after.setAttribute('aria-label', `What the network gets. ${status.textContent}`);
  }

  function show(chosen) {
    image = chosen;
    draw();
  }
  const load = i => picture(addresses[i], values.pictures[i].box).then(show);

  room.append(
    element('div', { class: 'widget-pair' }, element('div', { class: 'widget-framed' }, before, frame), after),
    element('div', { class: 'widget-controls' },
      choice('method', METHODS, i => { method = METHODS[i]; draw(); }),
      slider('size', { min: 16, max: 224, step: 16, value: size, digits: 0 }, number => { size = number; draw(); }),
      choice('picture', values.pictures.map(each => each.name), load), ownPicture(show, status)),
    status);
  const [left, top, right, bottom] = values.pictures[0].box;
  Object.assign(before, { width: right - left, height: bottom - top });
  whenNear(room, () => load(0));
}
