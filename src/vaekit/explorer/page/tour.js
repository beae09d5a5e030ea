// Six steps for newcomers, each with something to try.
import { useEffect, useRef } from "preact/hooks";
import { html } from "vaekit/ui.js";
import { nearest } from "vaekit/map.js";

const STEPS = [
  {
    title: "An encoder: from an item to a few numbers",
    text: "Every point on the map is one item. The encoder has squeezed it into a few numbers, its latents. From those alone the decoder makes the item again: compare the original with what is kept.",
    action: "Take an item",
    run: (state, actions) => actions.pick(Math.floor(state.info.count / 3)),
  },
  {
    title: "A cloud, not a point",
    text: "A variational autoencoder keeps a small cloud for each item: a place, and how sure it is of it. While it learns, the decoder must make sense of the whole cloud. Step aside a little: the item hardly changes.",
    action: "Step aside",
    run: (state, actions) =>
      state.z &&
      actions.go(
        state.z.map((v, i) => v + 0.12 * spread(state.info, i) * (i % 2 ? 1 : -1)),
        "cloud",
      ),
  },
  {
    title: "A prior: where new items come from",
    text: "All clouds together are kept near the middle. So one knows where to draw: a random place there decodes to something new that looks like the data. The temperature says how far from the middle to go.",
    action: "Draw new items",
    run: (state, actions, store) => {
      store.set({ tab: "sample" });
      actions.sample({ n: 12, seed: state.seed, temperature: state.temperature });
    },
  },
  {
    title: "Smoothness: neighbours are alike",
    text: "Since clouds overlap, nearby places decode to similar items, and there are few holes. Drag over the map and watch the item change without a jump.",
    action: "Walk over the map",
    run: (state, actions, store) => {
      store.set({ mode: "walk" });
      const points = state.layouts && state.layouts[0].points;
      if (points) actions.walk(middleOf(points));
    },
  },
  {
    title: "Interpolation: from one to another",
    text: "A straight way between two places passes through items in between. It is not a fade from one to the other: each step is an item of its own.",
    action: "Mix two items",
    run: async (state, actions, store) => {
      const far = opposite(state);
      const before = { z: state.z, view: state.shown };
      await actions.pick(far);
      const { z, shown } = store.get();
      store.set({ tab: "mix", mix: { a: before, b: { z, view: shown }, t: 0.5, path: "linear" } });
      const half = before.z.map((v, i) => (v + z[i]) / 2);
      actions.go(half, "mix");
    },
  },
  {
    title: "What others lack",
    text: "A GAN also makes items from random places, often sharper ones; but it has no encoder, so it cannot say where your own item lies, and no score of how probable one is. Diffusion makes the best samples; but it has no few numbers to slide, and takes many steps for each item. Here one map does it all: compress, compare, edit, score, make.",
    action: "See all sliders",
    run: (state, actions, store) => store.set({ tab: "sliders", mode: "point" }),
  },
];

const spread = (info, index) =>
  (info.latents.find((one) => one.index === index) || { deviation: 0 }).deviation;

function middleOf(points) {
  const sum = [0, 0];
  for (let i = 0; i < points.length; i += 1) sum[i % 2] += points[i];
  return sum.map((value) => (2 * value) / points.length);
}

function opposite(state) {
  const { points } = state.layouts[0];
  const middle = middleOf(points);
  const place = state.place || middle;
  return nearest(points, [2 * middle[0] - place[0], 2 * middle[1] - place[1]]);
}

/** The tour, at one of its steps. */
export function Tour({ state, actions, store }) {
  const { tour } = state;
  const heading = useRef(null);
  const step = STEPS[tour];
  useEffect(() => {
    if (heading.current) heading.current.focus();
  }, [tour]);
  const close = () => store.set({ tour: null });
  return html`<section class="tour" role="dialog" aria-labelledby="tour-title" onKeyDown=${(event) => event.key === "Escape" && close()}>
    <p class="quiet">Step ${tour + 1} of ${STEPS.length}</p>
    <h2 id="tour-title" tabindex="-1" ref=${heading}>${step.title}</h2>
    <p>${step.text}</p>
    <p class="row">
      <button type="button" class="main" onClick=${() => step.run(state, actions, store)}>${step.action}</button>
      <span class="space"></span>
      ${tour ? html`<button type="button" onClick=${() => store.set({ tour: tour - 1 })}>Back</button>` : null}
      ${tour + 1 < STEPS.length ? html`<button type="button" onClick=${() => store.set({ tour: tour + 1 })}>Next</button>` : null}
      <button type="button" class="plain" onClick=${close}>${tour + 1 < STEPS.length ? "Leave" : "Done"}</button>
    </p>
  </section>`;
}
