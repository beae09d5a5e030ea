// What a person does, and what follows: everything that changes the state and asks the backend.
import { colorsOf } from "vaekit/colors.js";
import { unpack, newest } from "vaekit/ui.js";

/** The actions on a store through a backend. */
export function createActions(store, backend) {
  const { info } = store.get();
  const thumbs = new Map();
  const columns = new Map();

  const tell = (error) => store.set({ error: error.message });
  const guarded =
    (run) =>
    async (...given) => {
      try {
        return await run(...given);
      } catch (error) {
        tell(error);
        return undefined;
      }
    };
  const contextOf = () => {
    const { context, item } = store.get();
    if (context && Object.keys(context).length) return context;
    return item !== null && item !== undefined ? { like: item } : {};
  };

  const showDecoded = newest(
    guarded(async (z, started, place) => {
      const { views } = await backend.call("decode", { z: [z], context: contextOf() });
      if (store.get().z !== z) return;
      store.set({ shown: { ...views[0], started }, ...(place ? { place } : {}) });
    }),
  );

  const actions = {
    /** Lay the items out, and colour them. */
    layOut: guarded(async (projection) => {
      const layouts = await Promise.all(
        store.get().infos.map((_, run) => backend.call("layout", { projection, run })),
      );
      store.set({
        projection,
        layouts: layouts.map((found) => ({ ...found, points: unpack(found.points) })),
      });
      actions.findPlace();
    }),

    color: guarded(async (name) => {
      if (name && !columns.has(name)) {
        const found = await backend.call("column", { name });
        columns.set(name, found.kind === "numbers" ? { ...found, numbers: unpack(found.values) } : found);
      }
      store.set({ color: name, column: name ? columns.get(name) : null });
    }),

    /** Take an item of the map. */
    pick: guarded(async (index) => {
      const found = await backend.call("item", { index });
      const others = await Promise.all(
        store
          .get()
          .infos.slice(1)
          .map((_, i) => backend.call("item", { index, run: i + 1 })),
      );
      const context = found.context || store.get().context;
      store.set({
        item: index,
        z: found.z,
        moved: false,
        original: found.view,
        shown: found.reconstruction,
        facts: found,
        others,
        source: "item",
        context,
        dropped: null,
        score: null,
      });
      actions.findPlace();
      if (info.can.map && !info.is_sampled) {
        const score = await backend.call("score", { index });
        if (store.get().item === index) store.set({ score });
      }
    }),

    /** Where the latents lie on the map. */
    findPlace() {
      const { layouts, z, item, moved } = store.get();
      if (!layouts || !z) return;
      const [{ points, center, directions }] = layouts;
      if (center) {
        store.set({ place: directions.map((d) => d.reduce((sum, v, i) => sum + v * (z[i] - center[i]), 0)) });
      } else if (item !== null && item !== undefined && !moved)
        store.set({ place: [points[2 * item], points[2 * item + 1]] });
    },

    /** Change one latent. */
    slide(index, value, started) {
      const z = store.get().z.slice();
      z[index] = value;
      actions.go(z, "slider", started);
    },

    /** Add some of each direction, to where the latents were before the first. */
    pushAll(pushes, started) {
      const { z, pushedFrom } = store.get();
      const from = pushedFrom || z;
      const next = from.slice();
      for (const { name, step } of info.attributes) {
        const amount = pushes[name] || 0;
        if (amount) for (let i = 0; i < next.length; i += 1) next[i] += amount * step[i];
      }
      store.set({ pushedFrom: from, pushes });
      actions.go(next, "edit", started, true);
    },

    /** Take latents from anywhere. */
    go(z, source, started, keepsStart = false) {
      store.set({ z, moved: true, source, ...(keepsStart ? {} : { pushedFrom: null, pushes: {} }) });
      actions.findPlace();
      showDecoded(z, started);
    },

    /** Walk to a place of the map. */
    walk: newest(
      guarded(async (place, started) => {
        store.set({ place });
        const { projection } = store.get();
        const found = await backend.call("walk", { projection, points: [place], context: contextOf() });
        store.set({
          z: found.z[0],
          moved: true,
          source: "walk",
          shown: { ...found.views[0], started },
          place,
          pushedFrom: null,
          pushes: {},
        });
      }),
    ),

    reset: () => {
      const { item, dropped } = store.get();
      if (dropped) actions.take(dropped);
      else if (item !== null && item !== undefined) actions.pick(item);
      else actions.go(info.latents.length ? middle(info) : store.get().z, "middle");
    },

    /** Encode what a person brought. */
    drop: guarded(async (item) => {
      const { projection } = store.get();
      const found = await backend.call("encode", { item, projection, context: contextOf() });
      actions.take(found);
    }),

    take(found) {
      store.set({
        dropped: found,
        z: found.z,
        moved: true,
        item: null,
        original: found.view,
        shown: found.reconstruction,
        source: "yours",
        facts: null,
        others: [],
        score: null,
        place: found.place,
        error: "",
      });
    },

    sample: guarded(async (asked) => {
      store.set({ busy: true });
      try {
        const { context } = store.get();
        store.set({ samples: await backend.call("sample", { ...asked, context }) });
      } finally {
        store.set({ busy: false });
      }
    }),

    lasso(points) {
      store.set({ selection: points, tab: points.length ? "selection" : store.get().tab });
    },

    setContext(name, value) {
      const { context, z } = store.get();
      store.set({ context: { ...context, [name]: value } });
      if (z) showDecoded(z, performance.now());
    },

    thumb: async (index) => {
      if (!thumbs.has(index)) {
        const { views } = await backend.call("items", { indices: [index] });
        if (thumbs.size > 5000) thumbs.clear();
        thumbs.set(index, views[0]);
      }
      return thumbs.get(index);
    },

    thumbsOf: async (indices) => {
      const missing = indices.filter((index) => !thumbs.has(index));
      if (missing.length) {
        const { views } = await backend.call("items", { indices: missing });
        missing.forEach((index, i) => thumbs.set(index, views[i]));
      }
      return indices.map((index) => thumbs.get(index));
    },

    decodeMany: async (z) => (await backend.call("decode", { z, context: contextOf() })).views,
    anomalies: () => backend.call("anomalies", { limit: 50 }),
    tell,
  };
  return actions;
}

/** The middle of the latents. */
export function middle(info) {
  const z = new Array(info.latent_dim).fill(0);
  info.latents.forEach(({ index, mean }) => {
    z[index] = mean;
  });
  return z;
}

/** What the map colours by. */
export function mapColors(state, theme) {
  return colorsOf(state.column, state.info.count, theme);
}
