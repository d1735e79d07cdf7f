/* The Jupyter server, and one kernel for each notebook, by @jupyterlab/services. */
import { ContentsManager, KernelManager, ServerConnection, SessionManager } from '@jupyterlab/services';

export const AWAY = 'Jupyter does not answer. What was stored still holds.';
const LOST = 'The kernel went away while this ran. The next run begins with a new one.';
const DIRECTIVES = /^(#\s*\|.*(\n|$))+/m;
const LABEL = /^#\s*\|\s*label:\s*(\S+)/m;
const NOT_BEFORE_OTHERS = ['nbval-skip', 'raises-exception', 'exercise', 'solution'];

/* A cell as the slides know it: its label, and its source without the lines of directives. */
const tidy = cell => {
  const source = [].concat(cell.source).join('');
  return {
    label: LABEL.exec(source)?.[1] ?? cell.id,
    source: source.replace(DIRECTIVES, '').trim(),
    tags: cell.metadata.tags ?? [],
  };
};

export const isAway = error => error instanceof ServerConnection.NetworkError;

class Notebook {
  constructor(name, managers) {
    Object.assign(this, { path: `${name}.ipynb`, managers, listeners: new Set(), state: 'not started', busy: false });
  }

  say(state) {
    this.state = state;
    for (const listener of this.listeners) listener();
  }

  async content() {
    return (await this.managers.contents.get(this.path, { type: 'notebook', format: 'json', content: true })).content;
  }

  async cells() {
    const content = await this.content();
    return content.cells.filter(cell => cell.cell_type === 'code').map(tidy);
  }

  /* Which cells the kernel has run outlives a reload of the page, as the kernel does. */
  get ran() {
    return new Set(JSON.parse(sessionStorage.getItem(`ran-${this.session.kernel.id}`) ?? '[]'));
  }

  set ran(labels) {
    sessionStorage.setItem(`ran-${this.session.kernel.id}`, JSON.stringify([...labels]));
  }

  /* The kernel of this notebook: the one in use, the one that an earlier load of the page left, or a new one. */
  async kernel() {
    const { settings } = this.managers;
    await ServerConnection.makeRequest(`${settings.baseUrl}api`, {}, settings);  // throws where nobody answers
    if (this.session && (this.session.isDisposed || this.session.kernel?.connectionStatus !== 'connected')) {
      this.session.dispose();
      this.session = null;
    }
    if (!this.session) {
      const { sessions } = this.managers;
      await sessions.refreshRunning();
      const model = await sessions.findByPath(this.path);
      this.say('starting');
      const { kernelspec } = (await this.content()).metadata;
      this.session = model ? sessions.connectTo({ model }) : await sessions.startNew(
        { path: this.path, name: this.path, type: 'notebook', kernel: { name: kernelspec.name } });
      this.session.statusChanged.connect((_, status) => {
        if (/restarting|dead/.test(status)) this.ran = [];
        this.say(status === 'unknown' ? 'starting' : status);
      });
      this.session.connectionStatusChanged.connect((_, status) => {
        if (status !== 'connected') {
          this.lose?.();
          this.say('away');
        } else if (this.state === 'away') this.say(this.session.kernel.status);
      });
      await this.session.kernel.info;
      this.say(this.session.kernel.status);
    }
    return this.session.kernel;
  }

  /* Runs one cell, after the cells before it that have not run yet. `tell` hears of the progress, `show` gets the messages. */
  async run(label, edited, tell, show) {
    this.busy = true;
    this.stopped = false;
    try {
      const kernel = await this.kernel();
      const cells = await this.cells();
      const place = cells.findIndex(cell => cell.label === label);
      if (place < 0) throw new Error(`${this.path} has no cell ${label} any more.`);
      const needed = cells.slice(0, place).filter(cell => cell.label !== 'quiz'
        && !cell.tags.some(tag => NOT_BEFORE_OTHERS.includes(tag)));
      for (const [number, cell] of needed.entries()) {
        if (this.ran.has(cell.label)) continue;
        tell(`cell ${number + 1} of ${needed.length} before this one …`);
        const reply = await this.execute(kernel, cell, cell.source);
        if (this.stopped) return 'interrupted';
        if (reply.status !== 'ok') throw new Error(`The cell ${cell.label} before this one failed: ${reply.ename}: ${reply.evalue}`);
      }
      tell('running …');
      const reply = await this.execute(kernel, cells[place], edited ?? cells[place].source, show);
      return this.stopped ? 'interrupted' : reply.status;
    } finally {
      this.busy = false;
      this.say(this.state);
    }
  }

  async execute(kernel, { label }, code, show) {
    const future = kernel.requestExecute({ code, stop_on_error: true });
    if (show) future.onIOPub = show;
    const lost = new Promise((_, reject) => { this.lose = () => reject(new Error(LOST)); });
    const { content } = await Promise.race([future.done.catch(() => { throw new Error(LOST); }), lost]);
    if (content.status === 'ok') this.ran = this.ran.add(label);
    return content;
  }

  async interrupt() {
    this.stopped = true;
    await this.session?.kernel?.interrupt();
  }

  async restart() {
    await this.session.kernel.restart();
    this.ran = [];
  }
}

export class Jupyter {
  constructor(address, token) {
    const settings = ServerConnection.makeSettings(
      { baseUrl: `http://${address}/`, wsUrl: `ws://${address}/`, token, appendToken: true });
    const kernelManager = new KernelManager({ serverSettings: settings });
    this.managers = {
      settings,
      contents: new ContentsManager({ serverSettings: settings }),
      sessions: new SessionManager({ serverSettings: settings, kernelManager }),
    };
    this.notebooks = new Map();
  }

  notebook(name) {
    if (!this.notebooks.has(name)) this.notebooks.set(name, new Notebook(name, this.managers));
    return this.notebooks.get(name);
  }
}
