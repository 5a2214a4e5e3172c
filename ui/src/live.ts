// Server-sent events. The browser connects again by itself and says what it saw last; the server then tells what was missed, or "reset".

export type Connection = "connecting" | "open" | "lost";

export interface Source {
  close(): void;
}

// listen calls handlers with the parsed data of events by their names, and connection when that changes. A server that refuses ends
// what the browser would try again, so that is done here.
export function listen(
  url: string,
  handlers: Record<string, (data: never, id: string) => void>,
  connection: (c: Connection) => void = () => {},
): Source {
  let source: EventSource | undefined;
  let timer = 0;
  let closed = false;
  const connect = () => {
    source = new EventSource(url);
    source.onopen = () => connection("open");
    source.onerror = () => {
      connection("lost");
      if (source?.readyState === EventSource.CLOSED && !closed) {
        timer = window.setTimeout(connect, 2000);
      }
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (e) => handle(JSON.parse((e as MessageEvent<string>).data) as never, (e as MessageEvent).lastEventId));
    }
  };
  connection("connecting");
  connect();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      source?.close();
    },
  };
}
