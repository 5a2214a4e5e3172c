// Server-sent events. The browser connects again by itself and says what it saw last; the server then tells what was missed, or "reset".

export type Connection = "connecting" | "open" | "lost";

export interface Source {
  close(): void;
}

// A browser has six connections to a server, for all its tabs: one that nobody looks at gives its own back.
const hiddenFor = 10_000;

// listen calls handlers with the parsed data of events by their names, and connection when that changes. A server that refuses ends
// what the browser would try again, so that is done here. A new stream cannot tell the server what was seen by a header, as the browser
// does; an address that is a function gets the last id and can.
export function listen(
  url: string | ((last: string) => string),
  handlers: Record<string, (data: never, id: string) => void>,
  connection: (c: Connection) => void = () => {},
): Source {
  let source: EventSource | undefined;
  let timer = 0;
  let last = "";
  const connect = () => {
    const mine = new EventSource(typeof url === "string" ? url : url(last));
    source = mine;
    mine.onopen = () => connection("open");
    mine.onerror = () => {
      if (mine !== source) return;
      connection("lost");
      if (mine.readyState === EventSource.CLOSED) timer = window.setTimeout(connect, 2000);
    };
    for (const [name, handle] of Object.entries(handlers)) {
      mine.addEventListener(name, (e) => {
        if (mine !== source) return;
        const event = e as MessageEvent<string>;
        last = event.lastEventId;
        handle(JSON.parse(event.data) as never, last);
      });
    }
  };
  const end = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const seen = () => {
    clearTimeout(timer);
    if (document.hidden) timer = window.setTimeout(end, hiddenFor);
    else if (!source || source.readyState === EventSource.CLOSED) connect();
  };
  document.addEventListener("visibilitychange", seen);
  connection("connecting");
  connect();
  return {
    close() {
      document.removeEventListener("visibilitychange", seen);
      end();
    },
  };
}
