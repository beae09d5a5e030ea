// The backend of a page without a server: the model runs here, as ONNX in WebAssembly.
import * as ort from "onnxruntime-web";
import { bytesOf, unpack } from "vaekit/ui.js";
import { cardView, encodeRow, lineView, pixelView } from "vaekit/page_views.js";

const stored = (name) => document.getElementById(name).textContent;

/** Bytes that came compressed in base64. */
async function inflated(text) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function session(name) {
  const text = stored(name);
  return text
    ? ort.InferenceSession.create(await inflated(text), {
        executionProviders: ["wasm"],
        graphOptimizationLevel: "all",
      })
    : null;
}

/** Numbers that seem random, the same for the same seed. */
function random(seed) {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Operations of a session within the page. */
export class PageBackend {
  static async open() {
    const content = JSON.parse(new TextDecoder().decode(await inflated(stored("vaekit-content"))));
    return new PageBackend(content);
  }

  constructor(content) {
    this.runs = 1;
    this.content = content;
    this.info = content.info;
    this.z = unpack(content.z);
    this.draws = unpack(content.draws);
    this.contexts = content.context ? unpack(content.context) : null;
    this.contextSize = content.context ? content.context.shape[1] : 0;
    this.dim = content.info.latent_dim;
    this.mean = Array.from({ length: this.dim }, (_, i) => {
      let sum = 0;
      for (let j = i; j < this.z.length; j += this.dim) sum += this.z[j];
      return sum / content.z.shape[0];
    });
    if (!stored("vaekit-encoder")) this.info.can.drop = false;
  }

  /** The networks, made when they are first needed. */
  get models() {
    if (!this.made) this.made = this.make();
    return this.made;
  }

  async make() {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmBinary = await inflated(stored("vaekit-runtime"));
    ort.env.logLevel = "error";
    return { decoder: await session("vaekit-decoder"), encoder: null };
  }

  async encoder() {
    const models = await this.models;
    if (!models.encoder) models.encoder = await session("vaekit-encoder");
    return models.encoder;
  }

  async call(operation, given = {}) {
    return operation === "info" ? this.info : this[operation](given);
  }

  async layout({ projection = "pca" }) {
    return this.content.layouts[projection];
  }

  async column({ name }) {
    return this.content.columns[name];
  }

  latentsOf(index) {
    return Array.from(this.z.subarray(index * this.dim, (index + 1) * this.dim));
  }

  async item({ index }) {
    const z = this.latentsOf(index);
    const [reconstruction] = await this.views([z], { like: index });
    const facts = {};
    for (const [name, column] of Object.entries(this.content.columns)) {
      if (column.kind === "labels") facts[name] = column.labels[column.codes[index]];
      else {
        column.known = column.known || unpack(column.values);
        facts[name] = column.known[index];
      }
    }
    return {
      index,
      view: this.content.views[index],
      reconstruction,
      z,
      facts,
      context: this.labelsOf(index),
      ...this.unusual(index),
    };
  }

  unusual(index) {
    if (!this.content.scores) return {};
    this.scores = this.scores || unpack(this.content.scores);
    const score = this.scores[index];
    return {
      score,
      flagged: score > this.content.anomalies.threshold,
      marked: {},
      ...this.content.unusual[index],
    };
  }

  async items({ indices }) {
    return { views: indices.map((index) => this.content.views[index]) };
  }

  async decode({ z, context }) {
    return { views: await this.views(z, context) };
  }

  async walk({ points, context }) {
    const { center, directions } = this.content.layouts.pca;
    const z = points.map((place) =>
      center.map((c, i) => c + place[0] * directions[0][i] + place[1] * directions[1][i]),
    );
    return { z, views: await this.views(z, context) };
  }

  async sample({ n = 12, temperature = 1, seed = 1, context }) {
    const next = random(seed);
    const count = this.draws.length / this.dim;
    const z = Array.from({ length: n }, () => {
      const start = Math.floor(next() * count) * this.dim;
      return this.mean.map((mean, i) => mean + temperature * (this.draws[start + i] - mean));
    });
    return { z, views: await this.views(z, context) };
  }

  async encode({ item, context }) {
    const encoder = await this.encoder();
    const shape = this.content.event_shape;
    const { x, view } = item.image
      ? await this.imageOf(item.image, shape)
      : encodeRow(item.row, this.content.decoder, shape);
    const feeds = { x: new ort.Tensor("float32", x, [1, ...shape]), ...this.told(context, 1) };
    const z = Array.from((await encoder.run(feeds)).z.data);
    const { center, directions } = this.content.layouts.pca;
    const place = directions.map((d) => d.reduce((sum, v, i) => sum + v * (z[i] - center[i]), 0));
    const [reconstruction] = await this.views([z], context);
    return { z, view: view || (await this.viewsOf(x, 1))[0], reconstruction, place };
  }

  async imageOf(text, [channels, height, width]) {
    const picture = await createImageBitmap(new Blob([bytesOf(text)]));
    const canvas = new OffscreenCanvas(width, height);
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, height);
    pen.imageSmoothingQuality = "high";
    const scale = Math.max(width / picture.width, height / picture.height);
    pen.drawImage(
      picture,
      (width - picture.width * scale) / 2,
      (height - picture.height * scale) / 2,
      picture.width * scale,
      picture.height * scale,
    );
    const { data } = pen.getImageData(0, 0, width, height);
    const x = new Float32Array(channels * height * width);
    for (let i = 0; i < height * width; i += 1) {
      const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4);
      if (channels === 1) x[i] = (0.299 * r + 0.587 * g + 0.114 * b) / 255;
      else
        [r, g, b, a].slice(0, channels).forEach((v, c) => {
          x[c * height * width + i] = v / 255;
        });
    }
    return { x, view: null };
  }

  async score() {
    return { log_p: null, share: null };
  }

  async anomalies() {
    return this.content.anomalies;
  }

  /** The labels that the context of an item stands for. */
  labelsOf(index) {
    if (!this.contexts || !Object.keys(this.info.context).length) return null;
    const row = this.contexts.subarray(index * this.contextSize, (index + 1) * this.contextSize);
    const found = {};
    let start = 0;
    for (const [name, labels] of Object.entries(this.info.context)) {
      const own = Array.from(row.subarray(start, start + labels.length));
      found[name] = labels[own.indexOf(Math.max(...own))];
      start += labels.length;
    }
    return found;
  }

  /** Rows of the context, for the networks. */
  told(context, count) {
    if (!this.contexts) return {};
    const wanted = context || {};
    let row;
    if (wanted.like !== undefined)
      row = this.contexts.subarray(wanted.like * this.contextSize, (wanted.like + 1) * this.contextSize);
    else {
      const chosen = { ...this.labelsOf(0), ...wanted };
      row = Float32Array.from(
        Object.entries(this.info.context).flatMap(([name, labels]) =>
          labels.map((label) => (label === chosen[name] ? 1 : 0)),
        ),
      );
    }
    const rows = new Float32Array(count * this.contextSize);
    for (let i = 0; i < count; i += 1) rows.set(row, i * this.contextSize);
    return { context: new ort.Tensor("float32", rows, [count, this.contextSize]) };
  }

  async views(z, context) {
    const { decoder } = await this.models;
    const flat = Float32Array.from(z.flat());
    const { x } = await decoder.run({
      z: new ort.Tensor("float32", flat, [z.length, this.dim]),
      ...this.told(context, z.length),
    });
    return this.viewsOf(x.data, z.length);
  }

  async viewsOf(x, count) {
    const { decoder, event_shape: shape } = this.content;
    const size = x.length / count;
    const show = { pixels: pixelView, card: cardView, lines: lineView }[decoder.kind];
    return Array.from({ length: count }, (_, i) =>
      show(x.subarray(i * size, (i + 1) * size), decoder, shape),
    );
  }
}
