/* WebKit, the engine of Safari, draws an SVG in an <img> for a light page, whatever the page is. Our figures take the word
   from their address, too: plot.svg#dark. A changed fragment alone draws nothing anew, so the image is replaced. */
const takesThePage = !CSS.supports('hanging-punctuation', 'first');  // only WebKit hangs it

export const tellFigures = theme => {
  if (takesThePage) return;
  for (const image of document.querySelectorAll('img[src*="pictures/"][src*=".svg"]')) {
    const told = image.cloneNode();
    told.src = `${image.src.split('#')[0]}#${theme}`;
    image.replaceWith(told);
  }
};
