// Package livecard is the cards of running attempts, as files: the runner writes them as the task sends them, and
// readers look at them meanwhile. When the attempt is recorded, they become records of the metadata store and the files
// are removed.
//
// For attempt 0 of task 3, the folder of its run's logs has, for each card that the task has shown:
//
//	3-0.card-1.json   a [Card]; 1 is its position
//	3-0.card-1.html   its latest HTML
//
// Files are replaced as a whole, the HTML first, so a reader sees a card as it was at some moment. Files that a dead
// engine left stay with the logs of its run: they are the last that was seen of the task. If a run has ended and files
// are left nevertheless, for instance because its engine could not tell its server of the end, a collection removes
// them: every attempt has been recorded, with its cards.
package livecard

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/levadahq/levada/internal/fault"
)

// Card is what is known of a card beside its HTML.
type Card struct {
	Task     int64           `json:"task"`
	Attempt  int             `json:"attempt"`
	Position int             `json:"position"`
	Type     string          `json:"type"`
	ID       string          `json:"id"`
	UUID     string          `json:"uuid"`
	Size     int64           `json:"size"` // of the HTML, bytes
	Changed  time.Time       `json:"changed"`
	Data     json.RawMessage `json:"data,omitempty"` // what the step last gave to readers
}

// names matches the files of cards, those included that did not get their names.
var names = regexp.MustCompile(`^(card-[^.]*\.new|[0-9]+-[0-9]+\.card-[0-9]+\.(html|json|json\.new))$`)

// Owns reports whether a file in the folder of a run's logs is a card's.
func Owns(name string) bool { return names.MatchString(name) }

// Draft makes a file for HTML that is to become a card's with [Write]. Its owner closes it.
func Draft(dir string) (*os.File, error) { return os.CreateTemp(dir, "card-*.new") }

func (c *Card) base() string { return fmt.Sprintf("%d-%d.card-%d", c.Task, c.Attempt, c.Position) }

// File returns where the HTML of a card is.
func File(dir string, c Card) string { return filepath.Join(dir, c.base()+".html") }

// Write shows a card. html is a file in the same file system that becomes the card's, or empty to leave the HTML as
// it is; c.Size is filled in from it.
func Write(dir string, c Card, html string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return wrap(err)
	}
	if html != "" {
		if err := os.Rename(html, File(dir, c)); err != nil {
			return wrap(err)
		}
	}
	if st, err := os.Stat(File(dir, c)); err == nil {
		c.Size = st.Size()
	}
	text, err := json.Marshal(c)
	if err != nil {
		return wrap(err)
	}
	path := filepath.Join(dir, c.base()+".json")
	if err := os.WriteFile(path+".new", text, 0o666); err != nil {
		return wrap(err)
	}
	return wrap(os.Rename(path+".new", path))
}

// List returns the cards in the folder of a run, by task, attempt and position. A folder that is not there has none.
func List(dir string) ([]Card, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, wrap(err)
	}
	var cards []Card
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") || !Owns(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // recorded just now
		}
		if err != nil {
			return nil, wrap(err)
		}
		var c Card
		if json.Unmarshal(text, &c) == nil && c.base()+".json" == e.Name() {
			cards = append(cards, c)
		}
	}
	slices.SortFunc(cards, func(a, b Card) int { return strings.Compare(a.key(), b.key()) })
	return cards, nil
}

func (c *Card) key() string { return fmt.Sprintf("%020d %020d %020d", c.Task, c.Attempt, c.Position) }

// Remove takes a card away. One that is not there is no error.
func Remove(dir string, c Card) {
	os.Remove(filepath.Join(dir, c.base()+".json"))
	os.Remove(File(dir, c))
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.Internal, "show a card of a running task", err)
}
