/* What a kernel sends, as elements: text, errors, pictures, tables and progress bars that change in place. */
import DOMPurify from 'dompurify';

const TRACEBACK_LINES = 6;
const LONGEST_TEXT = 50_000;

const plain = text => text.replace(/\x1b\[[\d;]*[A-Za-z]/g, '');
const joined = text => [].concat(text ?? '').join('');

const element = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text ?? '' });

/* A line that was begun anew (\r) shows its last state. */
const lastStates = text => text.replace(/\r+\n/g, '\n').replace(/[^\n]*\r(?=[^\n])/g, '');

/* As an <img>, in which no script of an SVG runs; the fragment is for figures.js's reason. */
const picture = (content, type) => {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const image = Object.assign(new Image(), { alt: 'The picture that this cell drew just now', src: `${address}#dark` });
  image.onload = image.onerror = () => URL.revokeObjectURL(address);
  return image;
};

const bytes = base64 => Uint8Array.from(atob(base64), letter => letter.charCodeAt());

const html = source => {
  const box = element('div', 'output-html');
  box.innerHTML = DOMPurify.sanitize(source, { FORBID_TAGS: ['style', 'form', 'img', 'svg'], FORBID_ATTR: ['style', 'border', 'class', 'id'] });
  return box;
};

/* One output in its richest form; nothing for what cannot be shown. */
const draw = data => {
  for (const type of ['image/png', 'image/jpeg'])
    if (data[type]) return picture(bytes(joined(data[type])), type);
  if (data['image/svg+xml']) return picture(joined(data['image/svg+xml']), 'image/svg+xml');
  if (data['application/vnd.jupyter.widget-view+json']) return element('p', 'output-note', 'This cell shows a control. Open the notebook to use it.');
  if (data['text/html']) return html(joined(data['text/html']));
  const text = joined(data['text/markdown'] ?? data['text/plain']);
  return text ? element('pre', 'output-text', plain(text)) : null;
};

export class Outputs {
  constructor(box) {
    this.box = box;
    this.clear();
  }

  clear() {
    this.box.replaceChildren();
    this.waitsToClear = false;
  }

  /* For future.onIOPub. */
  show({ header: { msg_type: kind }, content }) {
    if (kind === 'clear_output' && content.wait) this.waitsToClear = true;
    else if (kind === 'clear_output') this.clear();
    else if (kind === 'update_display_data') this.update(content);
    else if (['stream', 'error', 'display_data', 'execute_result'].includes(kind)) {
      if (this.waitsToClear) this.clear();
      if (kind === 'stream') this.print(content);
      else if (kind === 'error') this.box.append(this.failure(content));
      else this.display(content);
      this.box.scrollTop = this.box.scrollHeight;
    }
  }

  print({ name, text }) {
    let last = this.box.lastElementChild;
    if (last?.dataset.stream !== name) {
      last = element('pre', `output-text output-${name}`);
      last.dataset.stream = name;
      this.box.append(last);
    }
    last.textContent = lastStates(last.textContent + plain(text)).slice(-LONGEST_TEXT);
  }

  failure({ ename, evalue, traceback }) {
    const lines = plain(traceback.join('\n')).split('\n').filter(line => line.trim()).slice(-TRACEBACK_LINES);
    return element('pre', 'output-text output-error', lines.join('\n') || `${ename}: ${evalue}`);
  }

  display({ data, transient }) {
    const drawn = draw(data) ?? element('div', '');
    if (transient?.display_id) drawn.dataset.display = transient.display_id;
    this.box.append(drawn);
  }

  update({ data, transient }) {
    for (const old of this.box.querySelectorAll(`[data-display="${CSS.escape(transient.display_id)}"]`)) {
      const drawn = draw(data) ?? element('div', '');
      drawn.dataset.display = transient.display_id;
      old.replaceWith(drawn);
    }
  }
}
