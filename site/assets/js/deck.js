/* Shows a deck with reveal.js. On a narrow screen it stays what it is without a script: a page to scroll and read. */
import Reveal from 'reveal.js/reveal.mjs';
import Notes from 'reveal.js/plugin/notes.mjs';
import Zoom from 'reveal.js/plugin/zoom.mjs';
import { tellFigures } from './figures.js';
import Pen from './pen.js';

const READING_WIDTH = 700;

const deck = document.querySelector('.deck');
tellFigures(document.documentElement.dataset.theme);
const query = new URLSearchParams(location.search);
const isForPresenting = query.has('receiver') || query.has('print-pdf');

if (isForPresenting || innerWidth > READING_WIDTH) {
  deck.classList.add('reveal');
  // In reach of the browser's console and of the tests.
  window.Reveal = Reveal;
  Reveal.initialize({
    width: 1280,
    height: 720,
    margin: 0,
    center: false,
    display: 'flex',
    hash: true,
    navigationMode: 'linear',
    slideNumber: 'c/t',
    transition: 'none',
    scrollActivationWidth: 0,
    pdfSeparateFragments: false,
    pdfMaxPagesPerSlide: 1,
    // ?print-pdf&notes: what the speaker says, on a page of its own after each slide.
    showNotes: query.has('print-pdf') && query.has('notes') && 'separate-page',
    // A slide takes the minutes that its notes name, and no time without them.
    defaultTiming: 0,
    plugins: [Notes, Zoom, Pen],
  });
} else {
  // Turning the phone may make room to present.
  matchMedia(`(min-width: ${READING_WIDTH + 1}px)`).addEventListener('change', () => location.reload());
}
