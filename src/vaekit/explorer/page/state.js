// What the page is looking at: kept in one place, and in the address, so that a view can be shared.
import { useEffect, useState } from "preact/hooks";

/** A store whose readers are told when it changes. */
export function createStore(initial) {
  let state = initial;
  const readers = new Set();
  return {
    get: () => state,
    set(change) {
      state = { ...state, ...change };
      readers.forEach((read) => read(state));
    },
    watch(read) {
      readers.add(read);
      return () => readers.delete(read);
    },
  };
}

/** The state, read anew when it changes. */
export function useStore(store) {
  const [state, setState] = useState(store.get());
  useEffect(() => {
    setState(store.get());
    return store.watch(setState);
  }, [store]);
  return state;
}

const SHARED = ["tab", "color", "projection", "mode", "item", "seed", "temperature", "theme"];

/** What the address says. */
export function readAddress(text) {
  const given = new URLSearchParams(text.replace(/^#/, ""));
  const found = {};
  for (const name of SHARED) if (given.has(name)) found[name] = given.get(name);
  for (const name of ["item", "seed", "temperature"]) if (name in found) found[name] = Number(found[name]);
  const z = given.get("z");
  if (z) found.z = z.split(",").map(Number);
  if (found.z && found.z.some((value) => !Number.isFinite(value))) delete found.z;
  found.context = {};
  for (const [name, value] of given) if (name.startsWith("c.")) found.context[name.slice(2)] = value;
  if (given.has("token")) found.token = given.get("token");
  return found;
}

/** The address of a state. */
export function writeAddress(state, token) {
  const given = new URLSearchParams();
  if (token) given.set("token", token);
  for (const name of SHARED) {
    const value = state[name];
    if (value === null || value === undefined) continue;
    // A page begins with its first column, so that no column has to be said.
    if (name === "color" || value !== DEFAULTS[name]) given.set(name, String(value));
  }
  if (state.z && state.moved) given.set("z", state.z.map((value) => Number(value.toFixed(4))).join(","));
  for (const [name, value] of Object.entries(state.context || {})) given.set(`c.${name}`, value);
  return `#${given}`;
}

/** What a page begins with. */
export const DEFAULTS = {
  tab: "sliders",
  color: "",
  projection: "pca",
  mode: "point",
  item: null,
  seed: 1,
  temperature: 1,
  theme: "auto",
};
