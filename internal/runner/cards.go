package runner

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strconv"

	"github.com/levadahq/levada/internal/datastore"
	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/livecard"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
)

// The bounds of what a process may say of its cards. One that says more is not believed.
const (
	maxCards    = 100
	maxCardName = 200
	maxCardData = 4 << 20 // bytes of the data of a card
)

// sentCards is the cards that a process has sent so far: those shown while it runs
// are files, those it ended with are stored.
type sentCards struct {
	dir     string
	task    int64
	attempt int
	live    map[int]livecard.Card
	kept    map[int]metastore.Card
	blobs   []metastore.Blob
}

// keptCards is the cards of an attempt that has ended, ready to be recorded.
type keptCards struct {
	records []metastore.Card
	blobs   []metastore.Blob
	shown   []livecard.Card
}

// settle takes the files away of cards that are recorded.
func (k *keptCards) settle(dir string) {
	for _, c := range k.shown {
		livecard.Remove(dir, c)
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{32}$`)

// card takes over a card. What is wrong with it is told and costs the task nothing else.
func (c *conversation) card(m *protocol.FromTask, body []byte) {
	s := m.Card
	var err error
	switch {
	case s == nil:
		err = &nonsense{"a frame of a card does not say of which"}
	case s.Position < 0 || s.Position >= maxCards || len(s.Type) > maxCardName || len(s.ID) > maxCardName || !uuidForm.MatchString(s.UUID):
		err = &nonsense{"a card cannot be named as it is"}
	case s.Live:
		err = c.showCard(s, m.Artifacts, body)
	default:
		err = c.storeCard(s, m.Artifacts, body)
	}
	if err != nil {
		step, task := c.a.launch.Step.Name, c.a.launch.Task
		c.r.post(func() { c.r.warn("a card of %s, task %d, could not be kept: %v", step, task, err) })
	}
}

// showCard makes a card visible while its task runs.
func (c *conversation) showCard(s *protocol.SentCard, sent []protocol.SentValue, body []byte) error {
	known, ok := c.cards.live[s.Position]
	card := livecard.Card{
		Task: c.cards.task, Attempt: c.cards.attempt, Position: s.Position, Type: s.Type, ID: s.ID, UUID: s.UUID,
		Changed: c.r.Now(), Data: known.Data,
	}
	html := ""
	for _, v := range sent {
		path := v.Path
		if path == "" {
			if v.Length < 0 || v.Length > len(body) {
				return &nonsense{"a card is longer than its frame"}
			}
			path = c.staged("card" + strconv.Itoa(s.Position) + v.Name[:min(len(v.Name), 1)])
			if err := os.WriteFile(path, body[:v.Length], 0o600); err != nil {
				return fault.Of("show card", path, err)
			}
			body = body[v.Length:]
		}
		path, err := staged(c.r.Staging, path)
		if err != nil {
			return err
		}
		switch v.Name {
		case "html":
			html = path
		case "data":
			data, err := os.ReadFile(path)
			os.Remove(path)
			if err != nil {
				return fault.Of("show card", path, err)
			}
			if err := validData(data); err != nil {
				return err
			}
			card.Data = data
		default:
			return &nonsense{"a card has no " + v.Name}
		}
	}
	if html == "" && !ok {
		return &nonsense{"a card has no HTML"}
	}
	if err := livecard.Write(c.cards.dir, card, html); err != nil {
		return err
	}
	if c.cards.live == nil {
		c.cards.live = make(map[int]livecard.Card)
	}
	c.cards.live[s.Position] = card
	return nil
}

// storeCard stores a card as it is when the step has ended. Without HTML it stays as it was shown last.
func (c *conversation) storeCard(s *protocol.SentCard, sent []protocol.SentValue, body []byte) error {
	if len(sent) == 0 {
		return nil
	}
	if err := c.checkData(sent, body); err != nil {
		return err
	}
	var sum Stored
	if err := sum.take(c.r.ctx, c.r.Data, c.r.Staging, sent, &body); err != nil {
		return err
	}
	card := metastore.Card{Position: s.Position, Type: s.Type, ID: s.ID, UUID: s.UUID}
	for _, art := range sum.Artifacts {
		c.cards.hold(metastore.Blob{Hash: art.Hash, Data: art.Inline})
		switch art.Name {
		case "html":
			card.HTML, card.Size = art.Hash, art.Size
		case "data":
			card.Data = art.Hash
		}
	}
	for _, b := range sum.Blobs {
		c.cards.hold(b)
	}
	if card.HTML == (metastore.Hash{}) {
		return &nonsense{"a card has no HTML"}
	}
	c.cards.keep(card)
	return nil
}

// checkData checks the data of a card before it is stored.
func (c *conversation) checkData(sent []protocol.SentValue, body []byte) error {
	for _, v := range sent {
		if v.Path == "" {
			data, err := cut(&v, &body)
			if err == nil && v.Name == "data" {
				err = validData(data)
			}
			if err != nil {
				return err
			}
		} else if v.Name == "data" {
			path, err := staged(c.r.Staging, v.Path)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return fault.Of("store card", path, err)
			}
			if err := validData(data); err != nil {
				return err
			}
		}
	}
	return nil
}

// validData refuses data of a card that would make the answer to whoever asks for it no JSON.
func validData(data []byte) error {
	if len(data) > maxCardData || !json.Valid(data) {
		return &nonsense{"the data of a card is no JSON, or too much of it"}
	}
	return nil
}

// hold keeps a small value for the record, for which there is no place within the record of a card.
func (s *sentCards) hold(b metastore.Blob) {
	if b.Data != nil {
		s.blobs = append(s.blobs, metastore.Blob{Hash: b.Hash, Data: bytes.Clone(b.Data)})
	}
}

func (s *sentCards) keep(card metastore.Card) {
	if s.kept == nil {
		s.kept = make(map[int]metastore.Card)
	}
	s.kept[card.Position] = card
}

// keepCards stores what was shown last of cards that did not come to their end: of an attempt that failed, it is what
// was seen of it. What the step last gave to readers stays with each card.
func (c *conversation) keepCards() (k keptCards) {
	for position, live := range c.cards.live {
		k.shown = append(k.shown, live)
		card, ended := c.cards.kept[position]
		if !ended {
			card = metastore.Card{Position: position, Type: live.Type, ID: live.ID, UUID: live.UUID}
			ref, err := c.r.Data.PutFile(c.r.ctx, livecard.File(c.cards.dir, live), datastore.MayCompress)
			if err != nil {
				c.r.post(func() { c.r.warn("a card of task %d could not be kept: %v", live.Task, err) })
				continue
			}
			card.HTML, card.Size = ref.Hash, ref.Size
			c.cards.hold(metastore.Blob{Hash: ref.Hash, Data: ref.Inline})
		}
		if card.Data == (metastore.Hash{}) && len(live.Data) > 0 {
			ref, blob, err := c.r.Data.KeepApart(c.r.ctx, live.Data)
			if blob != nil {
				c.cards.hold(*blob)
			}
			if err == nil {
				card.Data = ref.Hash
			} else if !fault.Is(err, fault.Interrupted) {
				c.r.post(func() { c.r.warn("the data of a card of task %d could not be kept: %v", live.Task, err) })
			}
		}
		c.cards.keep(card)
	}
	for _, card := range c.cards.kept {
		k.records = append(k.records, card)
	}
	k.blobs = c.cards.blobs
	return k
}
