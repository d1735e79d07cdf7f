/* One cell of a slide, made runnable: a row of buttons, a field to edit its code, and a box for what it puts out just now. */
import { AWAY, isAway } from './jupyter.js';
import { Outputs } from './outputs.js';

const STATES = { away: AWAY, dead: 'kernel dead', autorestarting: 'kernel restarting', 'not started': '' };

const make = (tag, className, attributes = {}) => Object.assign(document.createElement(tag), { className, ...attributes });

export class LiveCell {
  constructor(element, jupyter) {
    this.element = element;
    this.label = element.dataset.cell.split('#')[1];
    this.notebook = jupyter.notebook(element.dataset.notebook);
    this.notebook.listeners.add(() => this.refresh());
    this.buttons = {
      run: this.button('Run', () => this.run()),
      interrupt: this.button('Interrupt', () => this.notebook.interrupt()),
      edit: this.button('Edit', () => this.edit()),
      reset: this.button('Reset', () => this.reset()),
      restart: this.button('Restart', () => this.attempt(() => this.notebook.restart())),
    };
    this.status = make('span', 'live-status', { role: 'status' });
    const bar = make('div', 'live-bar');
    bar.append(...Object.values(this.buttons), this.status, ...element.querySelectorAll('.cell-link'));
    element.append(bar);
    // A key that presses a button or writes code must not turn the slide; the presenter's other keys still do.
    element.addEventListener('keydown', event => {
      if (event.target.matches('textarea') || (event.target.matches('button') && [' ', 'Enter'].includes(event.key))) event.stopPropagation();
    });
    this.refresh();
  }

  button(text, action) {
    const button = make('button', 'live-button', { type: 'button', textContent: text });
    button.setAttribute('aria-label', `${text}: ${this.element.dataset.cell.replace('#', ' ')}`);
    button.addEventListener('click', event => {
      if (event.detail) button.blur();  // after the mouse, the space bar is for the slides again
      action();
    });
    return button;
  }

  refresh() {
    const { notebook, buttons } = this;
    buttons.run.hidden = this.running;
    buttons.run.disabled = notebook.busy;
    buttons.interrupt.hidden = !this.running;
    buttons.edit.hidden = Boolean(this.field);
    buttons.reset.hidden = !this.field;
    buttons.restart.hidden = notebook.state !== 'dead';
    this.status.dataset.state = notebook.state;
    this.status.textContent = (this.running && notebook.state !== 'away' && this.progress) || (STATES[notebook.state] ?? `kernel ${notebook.state}`);
  }

  tell(progress) {
    this.progress = progress;
    this.refresh();
  }

  /* Does something that needs the server; where it fails, the slide says so and stays as it was. */
  async attempt(action) {
    try {
      await action();
    } catch (error) {
      if (isAway(error)) this.notebook.say('away');
      else this.fail(error.message);
    }
  }

  fail(message) {
    this.open();
    this.box.append(make('pre', 'output-text output-error', { textContent: message }));
  }

  async run() {
    if (this.notebook.busy) return;
    this.running = true;
    this.outputs?.clear();
    this.tell('connecting …');
    await this.attempt(async () => {
      const how = await this.notebook.run(this.label, this.field?.value, text => this.tell(text), message => {
        this.open();
        this.outputs.show(message);
      });
      this.open();
      if (!this.box.childElementCount) this.box.append(make('p', 'output-note', { textContent: how === 'ok' ? 'It ran, and put nothing out.' : `It was ${how}.` }));
    });
    if (this.panel && !this.box.childElementCount) this.close();
    this.running = false;
    this.refresh();
  }

  /* The box of new outputs, beside the stored ones where the slide shows them, else below the code. */
  open() {
    if (this.panel) return;
    this.panel = make('section', 'live-now');
    this.panel.setAttribute('aria-label', 'Output of just now');
    this.panel.dataset.preventSwipe = '';
    const close = make('button', 'live-button', { type: 'button', textContent: 'Close' });
    close.setAttribute('aria-label', 'Close the output of just now');
    close.addEventListener('click', () => this.close());
    const head = make('p', 'live-label', { textContent: 'just now' });
    head.append(close);
    this.box = make('div', 'live-outputs', { tabIndex: 0 });
    this.box.setAttribute('role', 'group');
    this.box.setAttribute('aria-label', 'Output');
    this.outputs = new Outputs(this.box);
    this.panel.append(head, this.box);
    const stored = this.element.querySelector('.cell-output');
    if (stored) {
      const pair = make('div', 'live-pair');
      stored.replaceWith(pair);
      pair.append(stored, this.panel);
      stored.prepend(make('p', 'live-label', { textContent: 'stored' }));
    } else {
      this.element.querySelector('.live-bar').before(this.panel);
    }
    this.element.closest('section:not(.live-now)').classList.add('live-open');
  }

  close() {
    const pair = this.panel.closest('.live-pair');
    if (pair) {
      const stored = pair.querySelector('.cell-output');
      stored.querySelector('.live-label').remove();
      pair.replaceWith(stored);
    }
    this.panel.remove();
    this.panel = this.outputs = null;
    const slide = this.element.closest('section');
    if (!slide.querySelector('.live-now, .live-field')) slide.classList.remove('live-open');
  }

  async edit() {
    await this.attempt(async () => {
      const cell = (await this.notebook.cells()).find(({ label }) => label === this.label);
      const shown = this.element.querySelector('.steps, .highlight');
      this.field = make('textarea', 'live-field', { value: cell.source, rows: cell.source.split('\n').length, spellcheck: false });
      this.field.setAttribute('aria-label', `Code of ${this.element.dataset.cell.replace('#', ' ')}`);
      this.field.dataset.preventSwipe = '';
      this.field.addEventListener('keydown', event => {
        if (event.key === 'Escape') this.field.blur();
        if (event.key === 'Enter' && (event.shiftKey || event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          this.run();
        }
      });
      shown.before(this.field);
      const text = shown.querySelector('.step code, code').textContent.trim();
      if (text !== cell.source) {
        this.hint = make('p', 'live-hint', { textContent: 'The whole cell: the slide shows a part of it.' });
        this.field.before(this.hint);
      }
      shown.hidden = true;
      this.element.closest('section').classList.add('live-open');
      this.field.focus();
    });
    this.refresh();
  }

  reset() {
    this.field.remove();
    this.hint?.remove();
    this.field = this.hint = null;
    this.element.querySelector('.steps, .highlight').hidden = false;
    const slide = this.element.closest('section');
    if (!slide.querySelector('.live-now')) slide.classList.remove('live-open');
    this.refresh();
  }
}
