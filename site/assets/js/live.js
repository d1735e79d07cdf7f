/* Live code: the cells of a deck run on the Jupyter server that `make present LIVE=1` started. Never part of the built site. */
import { Jupyter } from './live/jupyter.js';
import { LiveCell } from './live/cell.js';

const { live, token } = document.currentScript.dataset;
const query = new URLSearchParams(location.search);

// Not where a deck is read, printed, or shown small in the speaker's view.
if (document.querySelector('.deck.reveal') && !query.has('receiver') && !query.has('print-pdf')) {
  const jupyter = new Jupyter(live, token);
  for (const element of document.querySelectorAll('.slides .cell[data-notebook]'))
    if (element.querySelector('.chroma')) new LiveCell(element, jupyter);
}
