/* The network's file, run by onnxruntime-web. Both come from this site, when they are first needed. */

// Why something of this site could not be loaded.
export const unreachable = what => location.protocol === 'file:'
  ? `${what} can't be loaded from a folder: browsers allow that only from a server. Type make present, and open this page there.`
  : `${what} could not be loaded. Is the server still there?`;

function script(address) {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = address;
    element.onload = resolve;
    element.onerror = () => reject(new Error(unreachable('The program that runs the network')));
    document.head.append(element);
  });
}

// The bytes at an address; `loaded(received, total)` hears how far it is.
async function bytes(address, loaded) {
  const reply = await fetch(address).catch(() => undefined);
  if (!reply?.ok) throw new Error(unreachable('The network'));
  const total = Number(reply.headers.get('Content-Length')) || 12e6, parts = [];
  let received = 0;
  for await (const part of stream(reply.body)) {
    parts.push(part);
    received += part.length;
    loaded(Math.min(received, total), total);
  }
  loaded(total, total);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function* stream(body) {
  const reader = body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

// `addresses`: onnxruntime's script, module and WebAssembly, and the network's file.
export async function load([program, mjs, wasm, model], loaded) {
  const [file] = await Promise.all([bytes(model, loaded), script(program)]);
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { mjs, wasm };
  return ort.InferenceSession.create(file, { executionProviders: ['wasm'] });
}

// For side × side × 3 bytes: the labels, each head's probabilities and scores, and what the network saw as an ImageData's parts.
export async function predict(session, pixels, side) {
  const start = performance.now();
  const { probabilities, scores, labels, small } = await session.run({ pixels: new ort.Tensor('uint8', pixels, [1, side, side, 3]) });
  const milliseconds = performance.now() - start;
  const width = small.dims[2], area = width*width, data = new Uint8ClampedArray(4*area).fill(255);
  for (let i = 0; i < area; i++) for (let k = 0; k < 3; k++) data[4*i + k] = small.data[k*area + i];
  const classes = labels.data.length, byHead = numbers => Array.from({ length: numbers.data.length/classes },
    (_, head) => [...numbers.data.slice(head*classes, (head + 1)*classes)]);
  return { labels: [...labels.data], probabilities: byHead(probabilities), scores: byHead(scores),
    seen: { data, width, height: width }, milliseconds };
}
