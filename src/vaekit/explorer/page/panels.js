// What one can do beside the sliders: mix two items, sample, bring one's own, look at a selection.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Choice, Range, base64Of, csv, debounced, download, html, short } from "vaekit/ui.js";
import { View, named } from "vaekit/views.js";

/** Between two latents: straight on, or on a sphere, which keeps the length typical of a Gaussian. */
export function between(a, b, t, path) {
  if (path === "spherical") {
    const length = (v) => Math.hypot(...v) || 1;
    const cosine = a.reduce((sum, v, i) => sum + v * b[i], 0) / (length(a) * length(b));
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    if (Math.sin(angle) > 1e-4)
      return a.map((v, i) => (Math.sin((1 - t) * angle) * v + Math.sin(t * angle) * b[i]) / Math.sin(angle));
  }
  return a.map((v, i) => v + t * (b[i] - v));
}

const STRIP = 7;

/** Mix two items. */
export function Mix({ state, actions, store }) {
  const { z, shown, mix = {} } = state;
  const { a, b, t = 0.5, path = "linear" } = mix;
  const [strip, setStrip] = useState([]);
  const look = useMemo(
    () =>
      debounced(async (from, to, how) => {
        const steps = Array.from({ length: STRIP }, (_, i) => between(from, to, i / (STRIP - 1), how));
        try {
          setStrip(await actions.decodeMany(steps));
        } catch (error) {
          actions.tell(error);
        }
      }, 60),
    [],
  );
  useEffect(() => {
    if (a && b) look(a.z, b.z, path);
  }, [a, b, path]);
  const put = (change) => store.set({ mix: { ...mix, ...change } });
  const slide = (value, started) => {
    put({ t: value });
    actions.go(between(a.z, b.z, value, path), "mix", started);
  };
  const end = (name, one) => html`<figure class="end">
    ${one ? html`<${View} view=${one.view} small=${true} label=${`item ${name}`} />` : html`<div class="empty">${name}</div>`}
    <button type="button" disabled=${!z} onClick=${() => put({ [name.toLowerCase()]: { z, view: shown } })}>Take as ${name}</button>
  </figure>`;
  return html`<div class="mix">
    <p class="hint">Take two items, then slide from one to the other. What lies between is made by the decoder, not blended.</p>
    <div class="ends">${end("A", a)}${end("B", b)}</div>
    ${
      a && b
        ? html`
      <${Range} label="A to B" name="mix" value=${t} min="0" max="1" step="0.01" shown=${`${Math.round(100 * t)} %`} onInput=${(value, event) => slide(value, event.timeStamp)} />
      <${Choice} label="Way" value=${path} options=${[
        ["linear", "Straight"],
        ["spherical", "On a sphere"],
      ]} onChange=${(value) => put({ path: value })} />
      <div class="strip">${strip.map((view, i) => html`<button key=${i} type="button" class="tile" aria-label=${named(view, `${Math.round((100 * i) / (STRIP - 1))} % of the way`)} onClick=${() => slide(i / (STRIP - 1), performance.now())}><${View} view=${view} small=${true} /></button>`)}</div>`
        : null
    }
  </div>`;
}

/** Draw new items. */
export function Sample({ state, actions, store }) {
  const { info, samples, seed, temperature, busy } = state;
  const [prompt, setPrompt] = useState("");
  const [guidance, setGuidance] = useState(3);
  const asked = {
    n: 12,
    seed,
    temperature,
    ...(info.captions && prompt ? { prompt } : {}),
    ...(info.can.guide && prompt ? { guidance } : {}),
  };
  const again = useMemo(() => debounced((what) => actions.sample(what), 60), []);
  useEffect(() => {
    if (!samples) actions.sample(asked);
  }, []);
  const draw = (change) => {
    store.set(change);
    again({ ...asked, ...change });
  };
  return html`<div class="sample">
    ${
      info.captions
        ? html`<form class="prompt" onSubmit=${(event) => {
            event.preventDefault();
            actions.sample(asked);
          }}>
      <label class="field"><span>Prompt</span><input type="text" value=${prompt} placeholder="what to make" onInput=${(event) => setPrompt(event.target.value)} /></label>
      ${info.can.guide ? html`<${Range} label="Guidance" value=${guidance} min="1" max="6" step="0.5" shown=${short(guidance)} onInput=${setGuidance} />` : null}
      <button type="submit" class="main">Make</button></form>`
        : null
    }
    ${
      info.can.temper
        ? html`<${Range} label="Temperature" name="temperature" value=${temperature} min="0" max="2" step="0.05" shown=${temperature.toFixed(2)} onInput=${(value) => draw({ temperature: value })} />
      <p class="hint">1 is as learned; below it samples are more typical and more alike, above it bolder and less often right.</p>`
        : null
    }
    <p class="row"><button type="button" class=${info.captions ? "" : "main"} onClick=${() => draw({ seed: seed + 1 })}>New samples</button><span class="quiet">seed ${seed}</span></p>
    <div class=${`grid of-${info.kind}`} aria-busy=${busy ? "true" : "false"} aria-live="polite">
      ${(samples ? samples.views : []).map(
        (
          view,
          i,
        ) => html`<button key=${i} type="button" class="tile" disabled=${!samples.z} aria-label=${named(view, `sample ${i + 1}`)}
        onClick=${() => actions.go(samples.z[i], "sample", performance.now())}><${View} view=${view} small=${true} /></button>`,
      )}
    </div>
  </div>`;
}

/** Bring an item of one's own. */
export function Yours({ state, actions }) {
  const { info } = state;
  if (!info.can.drop)
    return html`<p class="hint">This page can show what the model makes, but not read new items. The server can: <code>vaekit explore</code> without <code>--out</code>.</p>`;
  if (info.drop === "image") return html`<${DropImage} actions=${actions} />`;
  if (info.drop === "row") return html`<${DropRow} state=${state} actions=${actions} />`;
  return html`<${DropText} kind=${info.kind} actions=${actions} />`;
}

const encodeFile = async (file, actions) =>
  actions.drop({ image: base64Of(new Uint8Array(await file.arrayBuffer())) });

function DropImage({ actions }) {
  const input = useRef(null);
  return html`<div class="drop" onDragOver=${(event) => event.preventDefault()}
      onDrop=${(event) => {
        event.preventDefault();
        event.stopPropagation();
        if (event.dataTransfer.files[0]) encodeFile(event.dataTransfer.files[0], actions);
      }}>
    <p>Drop a picture here, or</p>
    <button type="button" class="main" onClick=${() => input.current.click()}>Choose a file</button>
    <input ref=${input} type="file" accept="image/*" aria-label="Your picture" class="unseen" tabindex="-1" onChange=${(event) => event.target.files[0] && encodeFile(event.target.files[0], actions)} />
    <p class="hint">It is scaled and cropped to the size of training, and stays on this computer.</p>
  </div>`;
}

function DropRow({ state, actions }) {
  const { original, shown } = state;
  const cells = (original || shown || { cells: [] }).cells;
  const [row, setRow] = useState({});
  const value = (cell) => (cell.name in row ? row[cell.name] : cell.value === null ? "" : cell.value);
  const given = () =>
    Object.fromEntries(cells.map((cell) => [cell.name, value(cell) === "" ? null : value(cell)]));
  return html`<form class="form" onSubmit=${(event) => {
    event.preventDefault();
    actions.drop({ row: given() });
  }}>
    <p class="hint">Change what you like of the row and let the model read it.</p>
    ${cells.map(
      (cell) => html`<label class="field" key=${cell.name}><span>${cell.name}</span>
      <input type="text" value=${value(cell)} onInput=${(event) => setRow({ ...row, [cell.name]: event.target.value })} /></label>`,
    )}
    <button type="submit" class="main">Read this row</button>
  </form>`;
}

function DropText({ kind, actions }) {
  const [text, setText] = useState("");
  const [name, example] = {
    molecule: ["SMILES", "CC(=O)Oc1ccccc1C(=O)O"],
    lines: ["Numbers, with spaces or commas between", "0.1 0.4 0.9 …"],
  }[kind] || ["Text", ""];
  return html`<form class="form" onSubmit=${(event) => {
    event.preventDefault();
    actions.drop({ text });
  }}>
    <label class="field"><span>${name}</span><textarea rows="4" placeholder=${example} value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>
    <button type="submit" class="main" disabled=${!text.trim()}>Read it</button>
  </form>`;
}

const MOST_TILES = 36;

/** Items inside the lasso. */
export function Selection({ state, actions, store }) {
  const { selection = [], column, color, info } = state;
  const [views, setViews] = useState([]);
  useEffect(() => {
    let gone = false;
    actions.thumbsOf(selection.slice(0, MOST_TILES)).then((found) => !gone && setViews(found), actions.tell);
    return () => {
      gone = true;
    };
  }, [selection]);
  if (!selection.length)
    return html`<p class="hint">Choose “Lasso” above the map and draw around some points. Then they are listed here.</p>`;
  const valueOf = (index) =>
    !column ? "" : column.kind === "labels" ? column.labels[column.codes[index]] : column.numbers[index];
  const save = () =>
    download(
      "selection.csv",
      csv([
        ["item", ...(color ? [color] : [])],
        ...selection.map((index) => [index, ...(color ? [valueOf(index)] : [])]),
      ]),
      "text/csv",
    );
  return html`<div class="selection">
    <p><b>${selection.length.toLocaleString("en-US")}</b> items${column ? html`: ${summary(selection, column)}` : null}</p>
    <p class="row"><button type="button" onClick=${save}>Download as CSV</button><button type="button" class="plain" onClick=${() => store.set({ selection: [] })}>Clear</button></p>
    <div class=${`grid of-${info.kind}`}>${views.map((view, i) => html`<button key=${selection[i]} type="button" class="tile" aria-label=${named(view, `item ${selection[i]}`)} onClick=${() => actions.pick(selection[i])}><${View} view=${view} small=${true} /></button>`)}</div>
    ${selection.length > MOST_TILES ? html`<p class="hint">The first ${MOST_TILES} are shown.</p>` : null}
  </div>`;
}

function summary(selection, column) {
  if (column.kind === "numbers") {
    const known = selection.map((index) => column.numbers[index]).filter(Number.isFinite);
    return `mean ${short(known.reduce((sum, v) => sum + v, 0) / (known.length || 1))}`;
  }
  const counts = new Map();
  selection.forEach((index) => counts.set(column.codes[index], (counts.get(column.codes[index]) || 0) + 1));
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 4)
    .map(([code, count]) => `${column.labels[code]} ${Math.round((100 * count) / selection.length)} %`)
    .join(", ");
}
