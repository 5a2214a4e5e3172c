// Server-sent events. The browser connects again by itself and says what it saw last; the server then tells what was missed, or "reset".
//
// A browser has six connections to a server, for all its windows together, and a stream keeps one for as long as it is open: six streams, and
// no page gets an answer any more. So a page that nobody looks at has no stream, and those in sight have four at most. If there are more
// windows than that, they take turns; a stream that begins anew catches up.

export type Connection = "connecting" | "open" | "lost" | "gone"; // gone: what was listened to was removed

export interface Source {
  close(): void;
}

// An event of the window: a stream begins with nothing that it could continue, or there is no such thing as it was about. The server may
// be another one then.
export const anew = "levada:anew";

const places = 4;
const turn = 5_000; // for which a stream is kept at least while others wait for its place
const hiddenFor = 10_000; // after which a page that nobody looks at gives its stream back

// place waits for one of the few places for streams and resolves to what gives it back. Where pages cannot speak about locks, as in a window
// without TLS that is not of this machine, each takes what it wants.
function place(givenUp: AbortSignal): Promise<() => void> {
  return new Promise((resolve) => {
    if (!navigator.locks) return resolve(() => {});
    const over = new AbortController(); // no other place is wanted
    givenUp.addEventListener("abort", () => over.abort());
    for (let i = 0; i < places; i++) {
      navigator.locks
        .request(`levada stream ${i}`, { signal: over.signal }, () => {
          if (over.signal.aborted) return; // of two that came at once, one is enough
          over.abort();
          return new Promise<void>((giveBack) => resolve(giveBack));
        })
        .catch(() => {}); // given up, or another place was free
    }
  });
}

async function othersWait(): Promise<boolean> {
  const { pending } = await navigator.locks.query();
  return !!pending?.some((l) => l.name?.startsWith("levada stream "));
}

// removed asks whether a server that refused a stream did so because there is no such thing (any more): a stream itself does not tell.
async function removed(url: string, givenUp: AbortSignal): Promise<boolean> {
  const stop = new AbortController();
  const end = () => stop.abort();
  givenUp.addEventListener("abort", end);
  try {
    return (await fetch(url, { signal: stop.signal })).status === 404;
  } catch {
    return false; // the server is away
  } finally {
    end(); // it may have begun a stream, which nobody reads
    givenUp.removeEventListener("abort", end);
  }
}

// listen calls handlers with the parsed data of events by their names, and connection when that changes. A server that refuses ends
// what the browser would try again, so that is done here, unless what is listened to is gone. A new stream cannot tell the server what was seen by a header, as the browser
// does; an address that is a function gets the last id and can.
export function listen(
  url: string | ((last: string) => string),
  handlers: Record<string, (data: never, id: string) => void>,
  connection: (c: Connection) => void = () => {},
): Source {
  let source: EventSource | undefined;
  let begun: AbortController | undefined; // while there is a stream, or one waits for a place
  let timer = 0;
  let last = "";
  const connect = () => {
    const address = typeof url === "string" ? url : url(last);
    const mine = new EventSource(address);
    const { signal } = begun!;
    source = mine;
    mine.onopen = () => connection("open");
    mine.onerror = async () => {
      if (mine !== source) return;
      if (mine.readyState !== EventSource.CLOSED) return connection("lost");
      const gone = await removed(address, signal);
      if (mine !== source) return;
      connection(gone ? "gone" : "lost");
      if (gone) window.dispatchEvent(new Event(anew));
      if (gone) close();
      else timer = window.setTimeout(connect, 2000);
    };
    mine.addEventListener("reset", () => window.dispatchEvent(new Event(anew)));
    for (const [name, handle] of Object.entries(handlers)) {
      mine.addEventListener(name, (e) => {
        if (mine !== source) return;
        const event = e as MessageEvent<string>;
        last = event.lastEventId;
        handle(JSON.parse(event.data) as never, last);
      });
    }
  };
  const begin = async () => {
    if (begun) return;
    const mine = new AbortController();
    begun = mine;
    const giveBack = await place(mine.signal);
    if (mine.signal.aborted) return giveBack();
    const turns = window.setInterval(async () => {
      if (!navigator.locks || !(await othersWait()) || mine !== begun) return;
      end();
      void begin(); // behind those who wait
    }, turn);
    mine.signal.addEventListener("abort", () => {
      clearInterval(turns);
      clearTimeout(timer);
      source?.close();
      source = undefined;
      giveBack();
    });
    connect();
  };
  const end = () => {
    begun?.abort();
    begun = undefined;
  };
  let leaving = 0;
  const seen = () => {
    clearTimeout(leaving);
    if (document.hidden) leaving = window.setTimeout(end, hiddenFor);
    else void begin();
  };
  const close = () => {
    document.removeEventListener("visibilitychange", seen);
    clearTimeout(leaving);
    end();
  };
  document.addEventListener("visibilitychange", seen);
  connection("connecting");
  seen();
  return { close };
}
