/* The search page: Pagefind finds, this draws. Nothing of Pagefind is loaded before something is typed. */
const MOST_PAGES = 12;
const MOST_SECTIONS = 3;
const STEM = 4;

const form = document.querySelector('.search');
const field = form.querySelector('input');
const says = document.querySelector('.search-says');
const list = document.querySelector('.search-results');

const NO_SERVER = 'Opened as a file, this page may not read the search index. Put the site on a server: make present, ' +
  'or python -m http.server --directory site/public';
const NO_INDEX = 'No search index can be read here. make site writes one beside the pages, and make present does too.';

let loading;
const engine = () => loading ??= import(new URL('pagefind/pagefind.js', location.href));

const element = (name, ...children) => {
  const made = document.createElement(name);
  made.append(...children);
  return made;
};

// Pagefind gives excerpts as HTML, in which all but its own <mark> is escaped.
const section = ({ url, title, excerpt }) => {
  const link = element('a', title);
  link.href = url;
  const text = element('p');
  text.innerHTML = excerpt;
  return element('li', link, text);
};

const result = page => {
  const sections = page.sub_results.toSorted((a, b) => b.locations.length - a.locations.length).slice(0, MOST_SECTIONS);
  return element('li', element('h2', page.meta.title), element('ul', ...sections.map(section)));
};

// Of a word that it doesn't know Pagefind looks up the beginning, down to one letter. What it marks must be nearer to what was typed.
const isMeant = (page, words) => {
  const stems = words.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean).map(word => word.slice(0, STEM));
  const marked = page.sub_results.flatMap(one => one.excerpt.match(/<mark>.*?<\/mark>/g) || []).join(' ').toLowerCase();
  return stems.some(stem => marked.includes(stem));
};

const show = (text, results = []) => {
  says.textContent = text;
  list.replaceChildren(...results);
};

async function search() {
  const words = field.value.trim();
  if (location.protocol === 'file:') return show(NO_SERVER);
  history.replaceState(null, '', words ? `?q=${encodeURIComponent(words)}` : location.pathname);
  if (!words) return show('');
  let found;
  try { found = await (await engine()).debouncedSearch(words, {}, 150); } catch { loading = undefined; return show(NO_INDEX); }
  if (!found) return; // more was typed meanwhile
  const pages = (await Promise.all(found.results.map(one => one.data()))).filter(page => isMeant(page, words));
  if (words !== field.value.trim()) return;
  const count = pages.length;
  if (!count) return show(`Nothing here has “${words}” in it. Try another word, or only its beginning.`);
  const shown = count > MOST_PAGES ? `; the best ${MOST_PAGES} are below` : '';
  show(`${count} page${count > 1 ? 's' : ''} with “${words}”${shown}.`, pages.slice(0, MOST_PAGES).map(result));
}

form.addEventListener('submit', event => { event.preventDefault(); search(); });
field.addEventListener('input', search);
form.hidden = false;
show(location.protocol === 'file:' ? NO_SERVER : '');
field.value = new URLSearchParams(location.search).get('q') || '';
if (field.value) search();
