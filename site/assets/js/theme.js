/* Light or dark: the reader's choice if one was made, else what the system says. Runs before the page is drawn. */
import { tellFigures } from './figures.js';

const root = document.documentElement;
const stored = `${COURSE}-theme`;  // COURSE is the `id` in the course's hugo.toml
const systemIsDark = matchMedia('(prefers-color-scheme: dark)');

const read = () => { try { return localStorage.getItem(stored); } catch { return null; } };
const write = theme => { try { localStorage.setItem(stored, theme); } catch { /* private windows keep nothing */ } };

const current = () => root.dataset.theme || (systemIsDark.matches ? 'dark' : 'light');
if (['light', 'dark'].includes(read())) root.dataset.theme = read();

document.addEventListener('DOMContentLoaded', () => {
  const button = document.querySelector('.theme-switch');
  const show = () => {
    tellFigures(current());
    const other = current() === 'dark' ? 'light' : 'dark';
    button.setAttribute('aria-label', `Switch to ${other} colours`);
    button.title = button.getAttribute('aria-label');
  };
  button.addEventListener('click', () => {
    root.dataset.theme = current() === 'dark' ? 'light' : 'dark';
    write(root.dataset.theme);
    show();
  });
  systemIsDark.addEventListener('change', show);
  addEventListener('beforeprint', () => tellFigures('light'));
  addEventListener('afterprint', show);
  show();
  button.hidden = false;
});
