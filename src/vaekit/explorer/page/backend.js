// The two backends have one interface: call(operation, arguments) gives a promise of an answer.
// Operations: info, layout, column, item, items, decode, walk, encode, sample, score, anomalies.

/** Operations of a session behind the local server. */
export class ServerBackend {
  constructor(token, runs) {
    this.token = token;
    this.runs = runs;
  }

  async call(operation, given = {}) {
    const response = await fetch(`/call/${operation}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${this.token}` },
      body: JSON.stringify(given),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    return answer;
  }
}

/** Operations of a session behind the kernel of a notebook. */
export class KernelBackend {
  constructor(model, runs) {
    this.model = model;
    this.runs = runs;
    this.waiting = new Map();
    this.count = 0;
    model.on("msg:custom", (message) => this.receive(message));
  }

  receive({ id, answer, error }) {
    const waiting = this.waiting.get(id);
    if (!waiting) return;
    this.waiting.delete(id);
    if (error) waiting.fail(new Error(error));
    else waiting.done(answer);
  }

  call(operation, given = {}) {
    this.count += 1;
    const id = this.count;
    return new Promise((done, fail) => {
      this.waiting.set(id, { done, fail });
      this.model.send({ id, operation, given });
    });
  }
}

/** The backend that the page says it has. */
export async function connect(setup, token) {
  if (setup.backend === "server") return new ServerBackend(token, setup.runs);
  const { PageBackend } = await import("vaekit/page_backend.js");
  return PageBackend.open();
}
