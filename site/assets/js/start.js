/* Turns each figure that has data for it into something to touch. Without this script the figure is a still.
   `widgets`: the course's, by name; _partials/site/widgets.html collects them. */
export default function start(widgets) {
  for (const figure of document.querySelectorAll('[data-widget]')) {
    // Names of pictures and their addresses, which Hugo made relative to this page.
    const links = [...figure.querySelector('template').content.querySelectorAll('a')];
    const pictures = links.map(link => new URL(link.getAttribute('href'), document.baseURI).href);
    const still = figure.querySelector('.widget-still');
    const room = document.createElement('div');
    room.className = 'widget-room';
    // Keys that work a control must not turn a slide.
    room.addEventListener('keydown', event => event.key !== 'Escape' && event.stopPropagation());
    widgets[figure.dataset.widget](room, JSON.parse(figure.dataset.values), pictures);
    still.after(room);
    figure.classList.add('widget-live');
  }
}
