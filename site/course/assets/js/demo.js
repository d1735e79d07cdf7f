/* A picture in, a painter's name out, all in this page. Loads nothing until somebody asks. */
import { cut, occlusion, readPicture } from './demo/picture.js';
import { load, predict, unreachable } from './demo/network.js';

const demo = document.querySelector('.demo');
const addresses = [...demo.querySelector('template').content.querySelectorAll('a')]
  .map(link => new URL(link.getAttribute('href'), document.baseURI).href);
const find = name => demo.querySelector(`.demo-${name}`);
const [status, progress, answer, bars] = ['status', 'progress', 'answer', 'bars'].map(find);
const PER_MILLE = new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1 });

// The sample pictures come along with the network, so that all of it works without a connection afterwards.
const samples = new Map();
let network, latest = 0;

const fetchSample = link => {
  if (!samples.has(link)) samples.set(link, fetch(link.href).then(reply => reply.blob()).catch(() => samples.delete(link)));
  return samples.get(link);
};

function loaded(received, total) {
  progress.hidden = received >= total;
  progress.max = total;
  progress.value = received;
}

// The frame around what is read, on the picture as it was given.
function showPicture(image, { left, top, side }) {
  const canvas = find('picture'), paper = canvas.getContext('2d');
  const scale = Math.min(1, 640/Math.max(image.width, image.height)), line = 4;
  canvas.width = image.width*scale;
  canvas.height = image.height*scale;
  paper.drawImage(image, 0, 0, canvas.width, canvas.height);
  paper.strokeStyle = getComputedStyle(demo).getPropertyValue('--orange');
  paper.lineWidth = line;
  paper.strokeRect(left*scale + line/2, top*scale + line/2, side*scale - line, side*scale - line);
}

// What the network got, under a veil of orange where its answer rests.
function showSeen({ data, width, height }, map = []) {
  const canvas = find('seen'), paper = canvas.getContext('2d'), cells = Math.sqrt(map.length);
  canvas.width = width;
  canvas.height = height;
  paper.putImageData(new ImageData(data, width, height), 0, 0);
  paper.fillStyle = getComputedStyle(demo).getPropertyValue('--orange');
  const most = Math.max(...map, 1e-6);
  map.forEach((lost, k) => {
    paper.globalAlpha = 0.75*Math.max(0, lost)/most;
    paper.fillRect(k % cells*width/cells, Math.floor(k/cells)*height/cells, width/cells, height/cells);
  });
}

function showBars(labels, probabilities) {
  bars.replaceChildren(...labels.flatMap((label, i) => {
    const name = document.createElement('dt'), value = document.createElement('dd'), bar = document.createElement('meter');
    name.textContent = label;
    bar.value = probabilities[i];
    bar.setAttribute('aria-hidden', 'true');
    value.append(bar, PER_MILLE.format(probabilities[i]));
    return [name, value];
  }));
}

// Which head answers: the one that learned from painted pictures, or from real ones.
const chosen = () => demo.querySelector('[name=head]:checked');
const byHead = ({ labels, probabilities, scores, seen, milliseconds }) =>
  ({ labels, probabilities: probabilities[chosen().value], scores: scores[chosen().value], seen, milliseconds });
let last;

async function ask(file, name) {
  last = [file, name];
  const turn = ++latest, isLatest = () => turn === latest;
  try {
    status.textContent = 'Reading the picture …';
    delete demo.dataset.map;
    const { image, remark } = await readPicture(file, name);
    if (!network) status.textContent = 'Loading the network, once …';
    network ??= load(addresses, loaded);
    demo.querySelectorAll('.demo-samples a').forEach(fetchSample);
    const session = await network.catch(error => { network = undefined; throw error; });
    if (!isLatest()) return;
    const square = cut(image), result = byHead(await predict(session, square.pixels, square.side));
    if (!isLatest()) return;
    const { labels, probabilities, seen } = result, winner = probabilities.indexOf(Math.max(...probabilities));
    showPicture(image, square);
    showSeen(seen);
    showBars(labels, probabilities);
    answer.hidden = false;
    demo.dataset.answer = JSON.stringify({ label: labels[winner], probabilities, milliseconds: result.milliseconds });
    const said = `${labels[winner]}, ${PER_MILLE.format(probabilities[winner])}. ${chosen().dataset.note} ${remark}`;
    status.textContent = `${said} Covering parts of it …`;
    const map = await occlusion(seen, result, async pixels => byHead(await predict(session, pixels, seen.width)), isLatest);
    if (!isLatest()) return;
    showSeen(seen, map);
    demo.dataset.map = JSON.stringify(map);
    status.textContent = said;
  } catch (error) {
    if (!isLatest()) return;
    progress.hidden = true;
    answer.hidden = true;
    delete demo.dataset.answer;
    delete demo.dataset.map;
    status.textContent = error.message;
  }
}

async function askSample(link) {
  const picture = await fetchSample(link);
  if (picture instanceof Blob) await ask(picture, link.querySelector('img').alt);
  else status.textContent = unreachable('The picture');
}

for (const input of demo.querySelectorAll('[name=head]')) input.addEventListener('change', () => last && ask(...last));
for (const input of demo.querySelectorAll('[type=file]')) {
  input.addEventListener('change', () => {
    if (input.files[0]) ask(input.files[0], input.files[0].name);
    input.value = '';  // so that the same file can be chosen again
  });
}
for (const link of demo.querySelectorAll('.demo-samples a')) {
  link.addEventListener('click', event => {
    event.preventDefault();
    askSample(link);
  });
  link.addEventListener('keydown', event => {
    if (event.key !== ' ') return;
    event.preventDefault();
    askSample(link);
  });
}
demo.addEventListener('dragover', event => {
  event.preventDefault();
  demo.classList.add('demo-over');
});
demo.addEventListener('dragleave', () => demo.classList.remove('demo-over'));
demo.addEventListener('drop', event => {
  event.preventDefault();
  demo.classList.remove('demo-over');
  const [file] = event.dataTransfer.files;
  if (file) ask(file, file.name);
  else status.textContent = 'That was no file. Save the picture first, then drop it here.';
});
document.addEventListener('paste', event => {
  const [file] = event.clipboardData.files;
  if (file) ask(file, file.name || 'the pasted picture');
  else if (demo.contains(event.target) || event.target === document.body)
    status.textContent = 'There is no picture to paste. Copy a picture, not its address.';
});
