/* A pen (D, wiped by X) and a pointer (Q) for the presenter. What is drawn belongs to its slide and lasts as long as the page. */
const WIDTH = 1280;
const HEIGHT = 720;
const SHARPNESS = 2;  // for large screens, pixels of the canvas for one of the slide

const layer = (tag, className) => {
  const element = document.createElement(tag);
  element.className = className;
  element.setAttribute('aria-hidden', 'true');
  return element;
};

export default () => ({
  id: 'pen',

  init(deck) {
    if (deck.isPrintView() || deck.isSpeakerNotes()) return;
    const viewport = deck.getViewportElement();
    const canvas = Object.assign(layer('canvas', 'pen'), { width: WIDTH * SHARPNESS, height: HEIGHT * SHARPNESS });
    canvas.dataset.preventSwipe = '';
    const pointer = layer('div', 'pointer');
    deck.getSlidesElement().prepend(canvas);  // not after the last slide, by which reveal.js knows the end
    viewport.append(pointer);

    const context = canvas.getContext('2d');
    context.scale(SHARPNESS, SHARPNESS);
    const drawings = new Map();  // slide: its lines, each a list of [x, y]
    const lines = () => {
      const slide = deck.getCurrentSlide();
      if (!drawings.has(slide)) drawings.set(slide, []);
      return drawings.get(slide);
    };

    const redraw = () => {
      context.clearRect(0, 0, WIDTH, HEIGHT);
      context.strokeStyle = getComputedStyle(canvas).color;
      Object.assign(context, { lineWidth: 5, lineCap: 'round', lineJoin: 'round' });
      for (const [first, ...rest] of lines()) {
        context.beginPath();
        context.moveTo(...first);
        if (!rest.length) context.lineTo(...first);  // a dot
        for (const point of rest) context.lineTo(...point);
        context.stroke();
      }
    };

    const place = event => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * WIDTH, (event.clientY - box.top) / box.height * HEIGHT];
    };
    canvas.addEventListener('pointerdown', event => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      lines().push([place(event)]);
      redraw();
    });
    canvas.addEventListener('pointermove', event => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      lines().at(-1).push(...(event.getCoalescedEvents?.() ?? [event]).map(place));
      redraw();
    });
    addEventListener('pointermove', event => Object.assign(pointer.style, { left: `${event.clientX}px`, top: `${event.clientY}px` }));
    deck.on('slidechanged', redraw);

    deck.addKeyBinding({ keyCode: 68, key: 'D', description: 'Pen on or off' }, () => viewport.classList.toggle('with-pen'));
    deck.addKeyBinding({ keyCode: 88, key: 'X', description: 'Wipe what the pen drew' }, () => {
      drawings.delete(deck.getCurrentSlide());
      redraw();
    });
    deck.addKeyBinding({ keyCode: 81, key: 'Q', description: 'Pointer on or off' }, () => viewport.classList.toggle('with-pointer'));
  },
});
