// Start: find the backend, ask what there is, show it.
import { render } from "preact";
import { App } from "vaekit/app.js";
import { connect } from "vaekit/backend.js";
import { createActions, middle } from "vaekit/looking.js";
import { DEFAULTS, createStore, readAddress } from "vaekit/state.js";
import { html } from "vaekit/ui.js";

/** Show a run in an element. */
export async function start(root, backend, given = {}) {
  const infos = [];
  for (let run = 0; run < backend.runs; run += 1) infos.push(await backend.call("info", { run }));
  const [info] = infos;
  const color = given.color !== undefined ? given.color : info.columns[0] || "";
  const store = createStore({
    ...DEFAULTS,
    ...given,
    color,
    info,
    infos,
    error: "",
    selection: [],
    pushes: {},
  });
  const actions = createActions(store, backend);
  root.replaceChildren();
  render(
    html`<${App} store=${store} actions=${actions} token=${given.token} root=${given.themed || root} />`,
    root,
  );
  if (!info.can.map) {
    root.dataset.ready = "true";
    return store;
  }
  await actions.layOut(store.get().projection);
  await actions.color(color);
  const first = given.item !== undefined && given.item < info.count ? given.item : 0;
  const context = given.context && Object.keys(given.context).length ? given.context : null;
  await actions.pick(first);
  if (context) store.set({ context });
  if (given.z && given.z.length === info.latent_dim) actions.go(given.z, "slider");
  else if (!store.get().z) actions.go(middle(info), "middle");
  root.dataset.ready = "true";
  return store;
}

/** Begin on a page of its own. */
export async function boot() {
  const root = document.getElementById("app");
  try {
    const setup = JSON.parse(document.getElementById("vaekit-setup").textContent);
    const given = readAddress(location.hash);
    const token = given.token || sessionStorage.getItem("vaekit-token") || "";
    if (setup.backend === "server") sessionStorage.setItem("vaekit-token", token);
    if (setup.title) document.title = setup.title;
    const shared = setup.backend === "server" ? { ...given, token } : { ...given, token: undefined };
    await start(root, await connect(setup, token), { ...shared, themed: document.documentElement });
  } catch (error) {
    root.innerHTML = "";
    const message = document.createElement("p");
    message.className = "loading";
    message.setAttribute("role", "alert");
    message.textContent = `This could not be shown: ${error.message}`;
    root.append(message);
  }
}

if (document.getElementById("vaekit-setup")) boot();
