// One event stream per browser. The tab that holds the lock reads it and tells the others, since a seventh HTTP/1.1
// connection to a host would hang. Each change becomes an event on <body> (`live-quote`, `live-conversation-<id>`, ...) that
// htmx attributes listen for.
const NAME = "sluice-live";
const SILENCE = 40_000; // The server speaks every 15 s; longer silence is a dead connection.
const state = document.querySelector("[data-live]");
const channel = new BroadcastChannel(NAME);
let shown = "";
let leading = false;

function show(next) {
  if (!state || shown === next) return;
  shown = next;
  state.dataset.state = next;
  state.textContent = { live: "Live", waiting: "Reconnecting", off: "Not live" }[next];
}

function announce(names) {
  for (const name of names) document.body.dispatchEvent(new CustomEvent(`live-${name}`));
}

function hear(message) {
  show(message.state);
  if (!message.names) return;
  announce(message.names);
  // What pages read is written after the topic: look once more when it has caught up.
  setTimeout(announce, 2_000, message.names);
}

function tell(message) {
  channel.postMessage(message);
  hear(message);
}

async function lead() {
  let wait = 500;
  let opened = false;
  for (;;) {
    const source = new EventSource("/live");
    const ended = await new Promise((resolve) => {
      let watchdog;
      const alive = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(resolve, SILENCE, "silent");
      };
      alive();
      source.addEventListener("open", () => {
        wait = 500;
        // After a gap nobody knows what was missed: every page looks again.
        tell({ state: "live", names: opened ? ["resync"] : undefined });
        opened = true;
      });
      source.addEventListener("alive", alive);
      source.addEventListener("change", (event) => {
        alive();
        tell({ state: "live", names: JSON.parse(event.data) });
      });
      source.addEventListener("error", () => resolve("error"));
    });
    source.close();
    tell({ state: ended === "silent" || navigator.onLine ? "waiting" : "off" });
    await new Promise((resolve) => setTimeout(resolve, wait * (0.5 + Math.random())));
    wait = Math.min(wait * 2, 10_000);
  }
}

if (state) {
  show("waiting");
  channel.addEventListener("message", (event) => {
    // A tab that has just opened asks how things stand.
    if (event.data.ask) {
      if (leading) channel.postMessage({ state: shown });
    } else {
      hear(event.data);
    }
  });
  channel.postMessage({ ask: true });
  // Without locks (plain http on a real name) every tab has a stream of its own.
  if (navigator.locks) {
    navigator.locks.request(NAME, () => {
      leading = true;
      return lead();
    });
  } else {
    lead();
  }
}
