/* Turns each figure that has data for it into something to touch. Without this script, and without all its numbers, the
   figure is a still. `widgets`: the course's, by name; _partials/site/widgets.html collects them. */
const whole = (name, value) => {
  if (value === null) throw new Error(`"${name}" of a widget has no value`);
  return value;
};

function wake(figure, widget) {
  // Names of pictures and their addresses, which Hugo made relative to this page.
  const links = [...figure.querySelector('template').content.querySelectorAll('a')];
  const pictures = links.map(link => new URL(link.getAttribute('href'), document.baseURI).href);
  const room = document.createElement('div');
  room.className = 'widget-room';
  // Keys that work a control must not turn a slide.
  room.addEventListener('keydown', event => event.key !== 'Escape' && event.stopPropagation());
  widget(room, JSON.parse(figure.dataset.values, whole), pictures);
  figure.querySelector('.widget-still').after(room);
  figure.classList.add('widget-live');
}

export default function start(widgets) {
  for (const figure of document.querySelectorAll('[data-widget]')) {
    try {
      wake(figure, widgets[figure.dataset.widget]);
    } catch (error) {
      console.error(error);
    }
  }
}
