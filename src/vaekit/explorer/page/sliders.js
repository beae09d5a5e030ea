// Sliders for latents, the strongest first, with what each does shown beside it; and for attributes.
import { useEffect, useMemo, useState } from "preact/hooks";
import { Range, debounced, html } from "vaekit/ui.js";
import { View, difference } from "vaekit/views.js";

const REACH = 3; // deviations to either side
const SHOWN = [-2, -1, 0, 1, 2]; // deviations, of a traversal
const FIRST = 8; // sliders that are open at first

const drawn = (kind) => kind === "pixels" || kind === "lines";

/** What each latent does to the item: traversals of the first few, a little after the last change. */
function useTraversals(info, z, context, actions, count) {
  const [found, setFound] = useState({});
  const look = useMemo(
    () =>
      debounced(async (from, latents) => {
        const steps = drawn(info.kind) ? SHOWN : [-2, 2];
        const asked = latents.flatMap(({ index, mean, deviation }) =>
          steps.map((step) => from.map((v, i) => (i === index ? mean + step * deviation : v))),
        );
        try {
          const views = await actions.decodeMany(asked);
          const each = {};
          latents.forEach(({ index }, i) => {
            each[index] = views.slice(i * steps.length, (i + 1) * steps.length);
          });
          setFound(each);
        } catch (error) {
          actions.tell(error);
        }
      }, 140),
    [info],
  );
  useEffect(() => {
    if (z && count) look(z, info.latents.slice(0, Math.min(count, 40)));
  }, [z, context, count]);
  return found;
}

function Traversal({ views }) {
  return useMemo(() => traversed(views), [views]); // the same as before is not looked through again
}

function traversed(views) {
  if (!views) return html`<div class="traversal waiting"></div>`;
  if (!drawn(views[0].kind))
    return html`<p class="does">${difference(views[0], views[views.length - 1])}</p>`;
  return html`<div class="traversal" aria-hidden="true">${views.map((view, i) => html`<${View} key=${i} view=${view} small=${true} />`)}</div>`;
}

/** The panel. */
export function Sliders({ state, actions }) {
  const { info, z, context } = state;
  const [open, setOpen] = useState(FIRST);
  const shown = info.latents.slice(0, open);
  const strongest = info.latents.length ? info.latents[0].effect || 1 : 1;
  const traversals = useTraversals(info, z, context, actions, shown.length);
  if (!info.can.slide || !z)
    return html`<p class="hint">${info.can.slide ? "Take an item on the map first." : "The latents of this model are no numbers that could slide."}</p>`;
  return html`<div class="sliders">
    ${Object.entries(info.context).map(
      ([name, labels]) => html`<label class="select wide" key=${name}><span>${name}</span>
      <select value=${(context || {})[name] || ""} onChange=${(event) => actions.setContext(name, event.target.value)}>
        ${(context || {})[name] ? null : html`<option value="">as the item</option>`}
        ${labels.map((value) => html`<option key=${value} value=${value}>${value}</option>`)}
      </select></label>`,
    )}
    ${info.attributes.length ? html`<${Attributes} state=${state} actions=${actions} />` : null}
    <h3>Latents <small>the strongest first</small></h3>
    ${shown.map(
      ({ index, effect, mean, deviation }) => html`<div class="slider" key=${index}>
      <${Range} label=${`z${index}`} name=${`z${index}`} value=${z[index]} min=${mean - REACH * deviation} max=${mean + REACH * deviation} step="any"
        shown=${z[index].toFixed(2)} onInput=${(value, event) => actions.slide(index, value, event.timeStamp)} />
      <span class="effect" title="How much it does" style=${`--share:${Math.min(1, effect / strongest)}`}></span>
      <${Traversal} views=${traversals[index]} />
    </div>`,
    )}
    ${info.latents.length > open ? html`<button type="button" class="plain" onClick=${() => setOpen(open + FIRST)}>Show more latents (${info.latents.length - open})</button>` : null}
  </div>`;
}

function Attributes({ state, actions }) {
  const { info, pushes = {} } = state;
  const [open, setOpen] = useState(false);
  const shown = open ? info.attributes : info.attributes.slice(0, 6);
  return html`<section class="attributes">
    <h3>Attributes <small>directions towards labels</small></h3>
    ${shown.map(
      (
        { name },
        i,
      ) => html`<${Range} key=${name} name=${`attribute-${i}`} label=${name} value=${pushes[name] || 0} min="-2" max="2" step="0.05" shown=${(pushes[name] || 0).toFixed(2)}
      onInput=${(value, event) => actions.pushAll({ ...pushes, [name]: value }, event.timeStamp)} />`,
    )}
    ${info.attributes.length > 6 ? html`<button type="button" class="plain" onClick=${() => setOpen(!open)}>${open ? "Show fewer" : `Show all ${info.attributes.length}`}</button>` : null}
  </section>`;
}
