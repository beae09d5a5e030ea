// What a notebook loads: it makes the other modules out of their texts, those first that others import.
const sources = __SOURCES__;
const classic = __CLASSIC__;

const IMPORTED = /((?:^|[;}\n])\s*(?:import|export)[^"';]*?(?:from\s*)?|import\()\s*(["'])([^"']+)\2/g;

let made = null;

function addresses() {
  if (made) return made;
  made = new Map();
  if (!globalThis.createREGL) new Function(classic).call(globalThis);
  const make = (name) => {
    if (made.has(name)) return made.get(name);
    const text = sources[name].replace(IMPORTED, (all, before, quote, other) =>
      other in sources ? `${before}${quote}${make(other)}${quote}` : all,
    );
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    made.set(name, address);
    return address;
  };
  Object.keys(sources).forEach(make);
  return made;
}

export default {
  async render({ model, el }) {
    const { start } = await import(addresses().get("vaekit/main.js"));
    const { KernelBackend } = await import(addresses().get("vaekit/backend.js"));
    const root = document.createElement("div");
    root.className = "vaekit-root";
    root.dataset.theme = "light";
    const scope = document.createElement("div"); // styles hold for what is inside
    scope.className = "vaekit-scope";
    scope.append(root);
    el.append(scope);
    await start(root, new KernelBackend(model, 1), { isEmbedded: true });
  },
};
