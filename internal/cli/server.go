package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/api"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/server"
	"github.com/levadahq/levada/internal/upkeep"
	"github.com/levadahq/levada/ui"
)

const serverAbout = `The web pages and the HTTP API of the store of this folder, at one address. Runs that are started meanwhile, by whatever process,
appear as they go on. There is no login yet, so only this machine is served. Ctrl-C stops it.`

const uiAbout = `Opens the web pages of the store of this folder. If a server runs for it already, its pages are opened; otherwise this command is the
server until Ctrl-C stops it. With --server or LEVADA_SERVER, the pages of that server are opened.`

// usualPort is the port of `levada server`.
const usualPort = 8265

// serverCommand is `server`, and `ui`, which opens the browser too.
type serverCommand struct {
	bare
	global *globalOptions
	port   int
	host   string
	log    string
	browse bool
}

func newServerCommand(g *globalOptions, browse bool) *serverCommand {
	return &serverCommand{global: g, port: usualPort, host: "127.0.0.1", log: "info", browse: browse}
}

func (c *serverCommand) options() table {
	return table{
		{name: "port", metavar: "INTEGER", dest: "PORT", set: number(&c.port, 0), def: "8265", help: "The port to listen on; 0 chooses a free one."},
		{name: "host", metavar: "TEXT", dest: "HOST", set: text(&c.host), def: "127.0.0.1", help: "The address to listen on; only one of this machine itself, as there is no login yet."},
		{name: "log-level", metavar: "[debug|info|warn|error]", dest: "LOG_LEVEL", set: text(&c.log), def: "info", help: "What is logged on stderr; debug has every request."},
	}
}

func (c *serverCommand) run(ctx context.Context, s *session) error {
	if c.browse {
		url := s.store.Path // of a server that was named, which has answered by now
		if !s.store.Remote {
			url = running(ctx, s.store.Path, nil)
		}
		if url != "" {
			fmt.Fprintln(s.env.Stdout, url)
			return s.browse(url)
		}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.log)); err != nil {
		return usagef("Invalid value for '--log-level': %s is not one of debug, info, warn, error.", c.log)
	}
	if c.port > 65535 {
		return usagef("Invalid value for '--port': %d is not a port: the largest is 65535.", c.port)
	}
	listener, err := server.Listen(c.host, c.port)
	if err != nil {
		here := func(url string) bool { return strings.HasSuffix(url, ":"+strconv.Itoa(c.port)) }
		if url := running(ctx, s.store.Path, here); url != "" && fault.Is(err, fault.Unavailable) {
			return fault.New(fault.Unavailable, "a server for this store is already running: %s", url).Do("open it with `levada ui`, or choose another port with --port")
		}
		return err
	}
	if c.global.quiet {
		level = max(level, slog.LevelWarn)
	}
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(s.env.Stderr, options)
	if c.global.json {
		handler = slog.NewJSONHandler(s.env.Stderr, options)
	}
	log := slog.New(handler)
	config := server.Config{API: s.store.API, UI: ui.Files(), Present: s.store.Present, Version: s.env.Version, Log: log}
	config.Free = func() (int64, bool) { return upkeep.FreeSpace(s.store.Path) }
	config.Writable = func() error { return upkeep.Writable(s.store.Path) }
	if s.store.Metaflow != nil {
		config.Metaflow = s.store.Metaflow()
	}
	if s.store.Records != nil {
		config.Store = s.store.Records(log)
	}
	srv := server.New(config)
	url := "http://" + listener.Addr().String()
	note := announce(ctx, s.store.Path, url)
	defer retract(note, url)
	if _, err := fmt.Fprintln(s.env.Stdout, url); err != nil {
		listener.Close()
		return err
	}
	if c.global.json { // the whole log is
		log.Info("the server begins", "version", s.env.Version, "pid", os.Getpid(), "address", url, "store", s.store.Path, "created", s.store.Created)
	} else {
		s.inform("Serving %s; press Ctrl-C to stop it.", s.store.Path)
	}
	if other := s.env.variable("LEVADA_SERVER"); other != "" && !c.browse && !c.global.json {
		s.inform("LEVADA_SERVER names %s; this command ignores it, the other commands use it.", other)
	}
	if c.browse {
		go s.browse(url)
	}
	return srv.Serve(ctx, listener)
}

// elsewhere is why a server does not take --server.
func elsewhere(server string) error {
	return &usageError{
		text: "--server names a server that is already running, but `levada server` starts one, for the store of a folder.",
		hint: "To see that server's pages: levada ui --server " + shellWord(server) + "\nTo serve another folder's store: levada server --datastore-root PATH",
	}
}

// notice is the file in a store's folder by which `levada ui` finds a server. A server that comes while that of another
// is there and answers has one of its own, with the port in its name, so that each is found as long as it lives.
const (
	notice      = "server.json"
	noticeBegin = "server-"
	noticeEnd   = ".json"
)

// announcement is what is in it.
type announcement struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

// announce tells others of a server and returns the file that does. If it cannot be written, `levada ui` starts another
// server. What servers left that were killed is removed.
func announce(ctx context.Context, home, url string) string {
	name := notice
	for _, path := range notes(home) {
		// A note with our own address is of one that is gone, too: the address is ours now.
		switch other := readNote(path); {
		case other == url || !answers(ctx, other, home):
			os.Remove(path)
		case filepath.Base(path) == notice:
			name = noticeBegin + url[strings.LastIndexByte(url, ':')+1:] + noticeEnd
		}
	}
	path := filepath.Join(home, name)
	if data, err := json.Marshal(announcement{url, os.Getpid()}); err == nil {
		os.WriteFile(path, append(data, '\n'), 0o644)
	}
	return path
}

// retract takes an announcement back, unless it is that of a server that was started later.
func retract(path, url string) {
	if readNote(path) == url {
		os.Remove(path)
	}
}

// readNote returns the address in a note, "" if there is none.
func readNote(path string) string {
	var a announcement
	if data, err := os.ReadFile(path); err != nil || json.Unmarshal(data, &a) != nil {
		return ""
	}
	return a.URL
}

// notes returns the files with announcements, that of the first server first.
func notes(home string) []string {
	paths := []string{filepath.Join(home, notice)}
	entries, _ := os.ReadDir(home)
	for _, e := range entries {
		if name := e.Name(); strings.HasPrefix(name, noticeBegin) && strings.HasSuffix(name, noticeEnd) {
			paths = append(paths, filepath.Join(home, name))
		}
	}
	return paths
}

// running returns the address of a server that runs for a store, of those that are wanted;
// nil wants any. It is "" if none answers.
func running(ctx context.Context, home string, wanted func(url string) bool) string {
	for _, path := range notes(home) {
		if url := readNote(path); (wanted == nil || wanted(url)) && answers(ctx, url, home) {
			return url
		}
	}
	return ""
}

// answers reports whether a server for a store answers at an address.
func answers(ctx context.Context, url, home string) bool {
	if url == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+api.Prefix+"/info", nil)
	if err != nil {
		return false
	}
	if host, _, err := net.SplitHostPort(req.URL.Host); err != nil || !net.ParseIP(host).IsLoopback() {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	var info api.Info
	// Else another store's, which took the port since.
	return json.NewDecoder(res.Body).Decode(&info) == nil && info.Home == home
}
