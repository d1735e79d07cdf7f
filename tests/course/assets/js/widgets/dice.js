/* A die to roll. `values`: faces, and the rolls that the lesson made; `addresses`: the picture of a die. */
import { button, element, statusLine } from './parts.js';

export default function dice(room, { faces, rolls }, [address]) {
  const status = statusLine(), thrown = [...rolls];
  const show = () => {
    const mean = thrown.reduce((sum, roll) => sum + roll, 0)/thrown.length;
    status.textContent = `${thrown.length} rolls, the last ${thrown.at(-1)}, ${mean.toFixed(2)} on average`;
  };
  const roll = () => {
    thrown.push(1 + Math.floor(faces*Math.random()));
    show();
  };
  room.append(element('img', { class: 'widget-die', src: address, alt: 'A die', width: 64, height: 64 }),
    element('div', { class: 'widget-controls' }, button('Roll', roll)), status);
  show();
}
