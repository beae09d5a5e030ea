// How items look: pictures, cards, lines, molecules, text.
import { useLayoutEffect, useRef } from "preact/hooks";
import { bytesOf, html, short } from "vaekit/ui.js";

/** Paint a picture into a canvas of its own size. */
export function paint(canvas, view) {
  const { width, height, channels } = view;
  const bytes = typeof view.data === "string" ? bytesOf(view.data) : view.data;
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const image = new ImageData(width, height);
  const out = image.data;
  for (let i = 0, j = 0; j < out.length; i += channels, j += 4) {
    out[j] = bytes[i];
    out[j + 1] = channels >= 3 ? bytes[i + 1] : bytes[i];
    out[j + 2] = channels >= 3 ? bytes[i + 2] : bytes[i];
    out[j + 3] = channels === 4 ? bytes[i + 3] : 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Lay over a picture where it is unusual, from 0 to 255 for each pixel. */
function warm(canvas, heat) {
  const pen = canvas.getContext("2d");
  const image = pen.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < heat.length; i += 1) {
    const share = (0.75 * heat[i]) / 255;
    [255, 90, 20].forEach((color, c) => {
      image.data[4 * i + c] = (1 - share) * image.data[4 * i + c] + share * color;
    });
  }
  pen.putImageData(image, 0, 0);
}

function Pixels({ view, label, heat }) {
  const canvas = useRef(null);
  useLayoutEffect(() => {
    paint(canvas.current, view);
    if (heat) warm(canvas.current, heat);
    if (!performance.getEntriesByName("first picture").length) performance.mark("first picture");
    if (view.started) {
      performance.measure("slider to pixels", { start: view.started, end: performance.now() });
    }
  }, [view, heat]);
  return html`<canvas ref=${canvas} class="picture" role="img" aria-label=${label}></canvas>`;
}

/** A row: alone, or beside the one that it is compared with, cell by cell. */
function Card({ view, reference, marked, label, small }) {
  if (small) {
    return html`<dl class="cells" aria-label=${label}>
      ${view.cells.slice(0, 3).map(({ name, value }) => html`<div key=${name}><dt>${name}</dt><dd>${short(value)}</dd></div>`)}
    </dl>`;
  }
  const before = reference ? new Map(reference.cells.map((cell) => [cell.name, cell.value])) : null;
  return html`<table class=${`card ${before ? "two" : ""}`} aria-label=${label}>
    ${before ? html`<thead><tr><td></td><th scope="col">original</th><th scope="col">decoded</th></tr></thead>` : null}
    <tbody>
      ${view.cells.map(({ name, value }) => {
        const why = marked && marked[name];
        const was = before ? before.get(name) : value;
        return html`<tr key=${name} class=${why ? "odd" : ""}>
          <th scope="row">${name}</th>
          ${before ? html`<td>${short(was)}${why ? html`<span class="expected">expected ${short(why.expected)}</span>` : null}</td>` : null}
          <td class=${before && was !== value ? "changed" : ""}>${short(value)}</td>
        </tr>`;
      })}
    </tbody>
  </table>`;
}

const BOX = { width: 320, height: 150, edge: 6 };

function Lines({ view, reference, label }) {
  const all = [...view.channels, ...(reference ? reference.channels : [])]
    .flatMap((c) => c.values)
    .filter((v) => v !== null);
  const low = Math.min(...all);
  const high = Math.max(...all);
  const steps = view.channels[0].values.length;
  const x = (i) => BOX.edge + (i / Math.max(1, steps - 1)) * (BOX.width - 2 * BOX.edge);
  const y = (v) => BOX.height - BOX.edge - ((v - low) / (high - low || 1)) * (BOX.height - 2 * BOX.edge);
  const path = (values) => {
    let text = "";
    let pen = "M";
    values.forEach((v, i) => {
      if (v === null) {
        pen = "M";
        return;
      }
      text += `${pen}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
      pen = "L";
    });
    return text;
  };
  return html`<svg class="lines" viewBox=${`0 0 ${BOX.width} ${BOX.height}`} role="img" aria-label=${`${label}, from ${short(low)} to ${short(high)}`}>
    ${reference ? reference.channels.map((c, i) => html`<path key=${`r${i}`} class="was" d=${path(c.values)} />`) : null}
    ${view.channels.map((c, i) => html`<path key=${i} class=${`is c${i % 6}`} d=${path(c.values)} />`)}
  </svg>`;
}

function Molecule({ view, label, small }) {
  if (!view.svg) return html`<div class="molecule none"><p>no molecule</p><code>${view.text}</code></div>`;
  const source = `data:image/svg+xml;base64,${btoa(unescape(encodeURIComponent(view.svg)))}`;
  return html`<div class="molecule">
    <img src=${source} alt=${`${label}: ${view.text}`} />
    ${
      small
        ? null
        : html`<code>${view.text}</code>
      <p class="facts">${view.cells.map(({ name, value }) => html`<span key=${name}>${name} <b>${short(value)}</b></span>`)}</p>`
    }
  </div>`;
}

/** An item, whatever it is. `reference` is what it is compared with, `marked` what is unusual. */
export function View({ view, reference, marked, heat, label = "item", small = false }) {
  if (!view) return html`<div class="empty"></div>`;
  const other = reference && reference.kind === view.kind ? reference : null;
  if (view.kind === "pixels") return html`<${Pixels} view=${view} label=${label} heat=${heat} />`;
  if (view.kind === "card")
    return html`<${Card} view=${view} reference=${other} marked=${marked} label=${label} small=${small} />`;
  if (view.kind === "lines") return html`<${Lines} view=${view} reference=${other} label=${label} />`;
  if (view.kind === "molecule") return html`<${Molecule} view=${view} label=${label} small=${small} />`;
  return html`<p class="text" aria-label=${label}>${view.text}</p>`;
}

/** What a button around an item is called: what is written in it is its name. */
export const named = (view, words) =>
  view && (view.kind === "pixels" || view.kind === "lines") ? words : undefined;

/** What changes from one view to another, in a few words; empty for what is seen at a glance. */
export function difference(from, to) {
  if (!from || !to || from.kind === "pixels" || from.kind === "lines") return "";
  if (from.kind !== "card") return from.text === to.text ? "no change" : `${from.text} → ${to.text}`;
  const changes = from.cells
    .map((cell, i) => ({ name: cell.name, was: cell.value, is: to.cells[i].value }))
    .filter(({ was, is }) => was !== is);
  const size = ({ was, is }) =>
    typeof was === "number" && typeof is === "number"
      ? Math.abs(is - was) / (Math.abs(is) + Math.abs(was) || 1)
      : 1;
  changes.sort((a, b) => size(b) - size(a));
  if (!changes.length) return "no change";
  return changes
    .slice(0, 2)
    .map(({ name, was, is }) => `${name}: ${short(was)} → ${short(is)}`)
    .join("; ");
}

/** An item as a file for the person: its name and its content. */
export async function asFile(view) {
  if (view.kind === "pixels") {
    const canvas = document.createElement("canvas");
    paint(canvas, view);
    return ["item.png", await new Promise((done) => canvas.toBlob(done, "image/png"))];
  }
  if (view.kind === "molecule") return ["molecule.svg", new Blob([view.svg], { type: "image/svg+xml" })];
  const rows =
    view.kind === "card"
      ? [view.cells.map((c) => c.name), view.cells.map((c) => c.value)]
      : view.kind === "lines"
        ? [
            view.channels.map((c) => c.name),
            ...view.channels[0].values.map((_, i) => view.channels.map((c) => c.values[i])),
          ]
        : [["text"], [view.text]];
  const { csv } = await import("vaekit/ui.js");
  return ["item.csv", new Blob([csv(rows)], { type: "text/csv" })];
}
