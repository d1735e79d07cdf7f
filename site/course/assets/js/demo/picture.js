/* From a picture's file to the pixels of its middle square, with a sentence for every file that is none. */

const MOST_PIXELS = 40e6;
const READABLE = 'Choose a JPEG, PNG, WebP or GIF.';

const matches = (bytes, text, from = 0) => [...text].every((letter, i) => bytes[from + i] === letter.charCodeAt(0));

// The format that the first bytes name, and whether the last ones are there.
export function inspect(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset), end = bytes.length;
  if (bytes[0] === 0xFF && bytes[1] === 0xD8) {
    // The mark of the end. It may be followed by what some cameras add; the preview near the start has one of its own.
    let whole = false;
    for (let i = bytes.lastIndexOf(0xD9); i > end/2 && !whole; i = bytes.lastIndexOf(0xD9, i - 1)) whole = bytes[i - 1] === 0xFF;
    return { format: 'JPEG', whole };
  }
  if (matches(bytes, '\x89PNG'))
    return { format: 'PNG', whole: end > 12 && matches(bytes.subarray(end - 8), 'IEND'), width: view.getUint32(16), height: view.getUint32(20) };
  if (matches(bytes, 'GIF8')) return { format: 'GIF', whole: bytes[end - 1] === 0x3B, moves: frames(bytes) > 1 };
  if (matches(bytes, 'RIFF') && matches(bytes, 'WEBP', 8))
    return { format: 'WebP', whole: end >= view.getUint32(4, true) + 8, moves: matches(bytes, 'ANIM', 30) };
  if (matches(bytes, 'ftyp', 4) && ['heic', 'heix', 'hevc', 'mif1', 'msf1'].some(kind => matches(bytes, kind, 8))) return { format: 'HEIC', whole: true };
  return { format: undefined, whole: true };
}

// How many pictures a GIF holds: each one is announced by a graphic control block.
function frames(bytes) {
  let count = 0;
  for (let i = 0; i + 3 < bytes.length; i++) if (bytes[i] === 0x21 && bytes[i + 1] === 0xF9 && bytes[i + 2] === 0x04) count++;
  return count;
}

// The picture of a file as an ImageBitmap, and a remark for the reader. Throws an Error that says what is wrong with it.
export async function readPicture(file, name) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (!bytes.length) throw new Error(`${name} is empty: it has 0 bytes. Choose another file.`);
  const { format, whole, moves, width, height } = inspect(bytes);
  if (!whole) throw new Error(`${name} is incomplete: its end is missing. Load or copy it again.`);
  if (width*height > MOST_PIXELS) throw new Error(tooLarge(name, width, height));
  let image;
  try {
    // As atelier.portable.middle reads it: without the file's colour profile, and turned upright.
    image = await createImageBitmap(file, { colorSpaceConversion: 'none', imageOrientation: 'from-image' });
  } catch {
    if (format === 'HEIC') throw new Error(`${name} is in Apple's format HEIC, which this browser can't read. Export it as JPEG.`);
    throw new Error(format ? `${name} says that it is a ${format}, but can't be read. Load or copy it again.` : `${name} is no picture. ${READABLE}`);
  }
  if (image.width*image.height > MOST_PIXELS) throw new Error(tooLarge(name, image.width, image.height));
  return { image, remark: moves ? `${name} moves: its first picture was read.` : '' };
}

const tooLarge = (name, width, height) =>
  `${name} is ${width} × ${height} pixels large, and this page takes 40 million at most. Choose a smaller picture.`;

// The largest square in the middle: where it is, and its bytes (side × side × 3). As atelier.portable.middle.
export function cut(image) {
  const side = Math.min(image.width, image.height);
  const left = Math.floor((image.width - side)/2), top = Math.floor((image.height - side)/2);
  const paper = new OffscreenCanvas(side, side).getContext('2d', { willReadFrequently: true });
  paper.drawImage(image, -left, -top);
  const { data } = paper.getImageData(0, 0, side, side), pixels = new Uint8Array(3*side*side);
  for (let i = 0, j = 0; i < data.length; i += 4) {
    pixels[j++] = data[i];
    pixels[j++] = data[i + 1];
    pixels[j++] = data[i + 2];
  }
  return { left, top, side, pixels };
}

// By how much the winner's lead falls when each of cells × cells parts is covered with the mean colour, row by row. As
// atelier.portable.occlusion. `seen` is what the network got, `goOn()` says whether anybody still waits.
export async function occlusion({ data, width }, { scores }, again, goOn, cells = 8) {
  const winner = scores.indexOf(Math.max(...scores));
  const lead = all => all[winner] - Math.max(...all.filter((_, i) => i !== winner));
  const whole = new Uint8Array(3*width*width), mean = [0, 0, 0], map = [], side = width/cells;
  for (let i = 0; i < width*width; i++) for (let k = 0; k < 3; k++) {
    whole[3*i + k] = data[4*i + k];
    mean[k] += data[4*i + k]/(width*width);
  }
  for (let part = 0; part < cells*cells && goOn(); part++) {
    const covered = whole.slice(), left = part % cells*side, top = Math.floor(part/cells)*side;
    for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) covered.set(mean, 3*(y*width + x));
    const { scores: now } = await again(covered);
    map.push(lead(scores) - lead(now));
    await new Promise(resolve => setTimeout(resolve));  // the page stays in motion
  }
  return map;
}
