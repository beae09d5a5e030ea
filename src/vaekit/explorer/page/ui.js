// Preact with htm, and the small parts that all panels share.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);

/** Numbers of an array that came packed: little-endian single floats in base64. */
export function unpack(packed) {
  const text = atob(packed.f32);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

/** Bytes from base64. */
export function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

/** Base64 from bytes. */
export function base64Of(bytes) {
  let raw = "";
  for (let i = 0; i < bytes.length; i += 8192) raw += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return btoa(raw);
}

/** A number for people: at most four digits. */
export function short(value) {
  if (value === null || value === undefined) return "missing";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7)
    return value.toLocaleString("en-US", { useGrouping: Math.abs(value) >= 10000 });
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** Hand a file to the person. */
export function download(name, content, kind) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Rows as CSV; text that a spreadsheet would run gets an apostrophe in front. */
export function csv(rows) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

/** Call a function at most once for all calls within so many milliseconds. */
export function debounced(run, wait) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...given), wait);
  };
}

/** Call an asynchronous function for the newest arguments alone, one call at a time. */
export function newest(run) {
  let busy = false;
  let waiting = null;
  return async function call(...given) {
    if (busy) {
      waiting = given;
      return;
    }
    busy = true;
    try {
      await run(...given);
    } finally {
      busy = false;
      if (waiting) {
        const next = waiting;
        waiting = null;
        call(...next);
      }
    }
  };
}

/** A choice of a few, as buttons of which one is pressed. */
export function Choice({ label, value, options, onChange }) {
  return html`<div class="choice" role="radiogroup" aria-label=${label}>
    ${options.map(
      ([key, words, title]) => html`<button
        key=${key}
        type="button"
        role="radio"
        aria-checked=${value === key ? "true" : "false"}
        tabindex=${value === key ? 0 : -1}
        title=${title || words}
        onClick=${() => onChange(key)}
        onKeyDown=${(event) => moveChoice(event, options, value, onChange)}
      >${words}</button>`,
    )}
  </div>`;
}

function moveChoice(event, options, value, onChange) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const keys = options.map(([key]) => key);
  const next = (keys.indexOf(value) + step + keys.length) % keys.length;
  onChange(keys[next]);
  event.currentTarget.parentElement.children[next].focus();
}

/** A list to choose from, with its name before it. */
export function Select({ label, value, options, onChange }) {
  return html`<label class="select"><span>${label}</span>
    <select value=${value} aria-label=${label} onChange=${(event) => onChange(event.target.value)}>
      ${options.map(([key, words]) => html`<option key=${key} value=${key} selected=${key === value}>${words}</option>`)}
    </select>
  </label>`;
}

/** A slider with its name and value. */
export function Range({ label, value, min, max, step, onInput, shown, name }) {
  return html`<label class="range"><span class="range-name">${label}</span>
    <input type="range" min=${min} max=${max} step=${step} value=${value} data-name=${name}
      aria-label=${label} aria-valuetext=${shown}
      onInput=${(event) => onInput(Number(event.target.value), event)} />
    <output>${shown}</output>
  </label>`;
}
