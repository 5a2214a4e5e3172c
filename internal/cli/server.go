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
	"github.com/levadahq/levada/ui"
)

const serverAbout = `The web pages and the HTTP API of the store of this folder, at one address. Runs that are started meanwhile, by whatever process,
appear as they go on. There is no login yet, so only this machine is served. Ctrl-C ends it.`

const uiAbout = `Opens the web pages of the store of this folder. If a server runs for it already, its pages are opened; otherwise this command is the
server until Ctrl-C ends it.`

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
		{name: "port", metavar: "INTEGER", dest: "PORT", set: number(&c.port, 0), def: "8265", help: "The port to listen on; 0 takes one that is free."},
		{name: "host", metavar: "TEXT", dest: "HOST", set: text(&c.host), def: "127.0.0.1", help: "The address to listen on; one of this machine alone, until there is a login."},
		{name: "log-level", metavar: "[debug|info|warn|error]", dest: "LOG_LEVEL", set: text(&c.log), def: "info", help: "What is logged on stderr; debug has every request."},
	}
}

func (c *serverCommand) run(ctx context.Context, s *session) error {
	if c.browse {
		if url := running(ctx, s.store.Path); url != "" {
			fmt.Fprintln(s.env.Stdout, url)
			return s.browse(url)
		}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.log)); err != nil {
		return usagef("Invalid value for '--log-level': %s is none of debug, info, warn, error.", c.log)
	}
	if c.port > 65535 {
		return usagef("Invalid value for '--port': %d is not a port: they end at 65535.", c.port)
	}
	listener, err := server.Listen(c.host, c.port)
	if err != nil {
		if url := running(ctx, s.store.Path); strings.HasSuffix(url, ":"+strconv.Itoa(c.port)) && fault.Is(err, fault.Unavailable) {
			return fault.New(fault.Unavailable, "a server for this store runs already: %s", url).Do("open it with `levada ui`, or choose another port with --port")
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
	config := server.Config{API: s.store.API, UI: ui.Files(), Version: s.env.Version, Log: slog.New(handler)}
	if s.store.Metaflow != nil {
		config.Metaflow = s.store.Metaflow()
	}
	if s.store.Records != nil {
		config.Store = s.store.Records()
	}
	srv := server.New(config)
	url := "http://" + listener.Addr().String()
	note := announce(s.store.Path, url)
	defer retract(note, url)
	if _, err := fmt.Fprintln(s.env.Stdout, url); err != nil {
		listener.Close()
		return err
	}
	s.inform("Serving %s; Ctrl-C ends it.", s.store.Path)
	if c.browse {
		go s.browse(url)
	}
	return srv.Serve(ctx, listener)
}

// notice is the file in a store's folder by which `levada ui` finds a server.
const notice = "server.json"

// announcement is what is in it.
type announcement struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

// announce tells others of a server and returns the file that does. If it cannot be written, `levada ui` starts another server.
func announce(home, url string) string {
	path := filepath.Join(home, notice)
	if data, err := json.Marshal(announcement{url, os.Getpid()}); err == nil {
		os.WriteFile(path, append(data, '\n'), 0o644)
	}
	return path
}

// retract takes an announcement back, unless it is that of a server that was started later.
func retract(path, url string) {
	var a announcement
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &a) == nil && a.URL == url {
		os.Remove(path)
	}
}

// running returns the address of a server that runs for a store, "" if none answers.
func running(ctx context.Context, home string) string {
	var a announcement
	data, err := os.ReadFile(filepath.Join(home, notice))
	if err != nil || json.Unmarshal(data, &a) != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL+"/api/v1/info", nil)
	if err != nil {
		return ""
	}
	if host, _, err := net.SplitHostPort(req.URL.Host); err != nil || !net.ParseIP(host).IsLoopback() {
		return ""
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	var info api.Info
	if json.NewDecoder(res.Body).Decode(&info) != nil || info.Home != home {
		return "" // another store's, which took the port since
	}
	return a.URL
}
