package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/levadahq/levada/internal/metastore"
)

// Runs are found newest first, so a reader of a page stops early. What helps is an order that an index has: by id, by
// flow and id, by user and id, by status and id. A choice of several flows is several such orders, which are merged.
// Everything else is asked of each run that comes by.

// few is the number of runs up to which the runs of a tag, or those that a search finds, are listed first and then
// filtered. Above it the runs are gone through, newest first, and each is asked: the tag of a user is on nearly every
// run, and a list of all of them is not needed to find the latest.
const few = 500

// fewValues is the same for the runs with a value of a parameter. It is higher, because values are seldom on nearly
// every run, and runs that have one in a hundred are found slowly by asking.
var fewValues int64 = 5000

// maxMerged is how many orders are merged, each with a connection of its own.
const maxMerged = 8

// maxListed is how many tags, and how many values of parameters, are looked for in an
// index: an expression has a largest depth.
const maxListed = 16

// Runs yields the runs that match, newest first.
func (s *Store) Runs(ctx context.Context, f metastore.RunFilter) iter.Seq2[metastore.Run, error] {
	return func(yield func(metastore.Run, error) bool) {
		q := runQuery{RunFilter: f}
		if err := s.prepare(ctx, &q); err != nil {
			yield(metastore.Run{}, err)
			return
		}
		var parts []iter.Seq2[metastore.Run, error]
		for _, part := range q.split() {
			sql, args := part.sql()
			parts = append(parts, rows(ctx, s, "list runs", scanRun, sql, args...))
		}
		n := 0
		for r, err := range merged(parts) {
			if !yield(r, err) {
				return
			}
			if n++; f.Limit > 0 && n == f.Limit {
				return
			}
		}
	}
}

// merged yields the runs of several sequences in falling order of their ids. No run is in two of them.
func merged(parts []iter.Seq2[metastore.Run, error]) iter.Seq2[metastore.Run, error] {
	if len(parts) == 1 {
		return parts[0]
	}
	return func(yield func(metastore.Run, error) bool) {
		type head struct {
			run  metastore.Run
			next func() (metastore.Run, error, bool)
		}
		var heads []head
		for _, p := range parts {
			next, stop := iter.Pull2(p)
			defer stop()
			r, err, ok := next()
			if err != nil {
				yield(r, err)
				return
			}
			if ok {
				heads = append(heads, head{r, next})
			}
		}
		for len(heads) > 0 {
			newest := 0
			for i := range heads {
				if heads[i].run.ID > heads[newest].run.ID {
					newest = i
				}
			}
			h := &heads[newest]
			if !yield(h.run, nil) {
				return
			}
			var err error
			var ok bool
			if h.run, err, ok = h.next(); err != nil {
				yield(h.run, err)
				return
			}
			if !ok {
				heads = slices.Delete(heads, newest, newest+1)
			}
		}
	}
}

// runQuery is a filter with what was found out about how to answer it.
type runQuery struct {
	metastore.RunFilter
	rare   []string          // tags that few runs have; the others stay in Tags
	values []value           // of parameters, that an index has
	read   map[string]string // parameters whose values are compared with those of a run itself
	found  []*found          // by each word of the search
}

// value is one that a parameter has in the runs that match.
type value struct {
	name, value string
	rare        bool // few runs have it
}

// hasValue is the condition for a name and a value in the index of parameters, which has the
// first metastore.SearchedValue characters.
const hasValue = "name = ? AND value = substr(?, 1, 256)"

// found is what a word of a search comes to: the names that the text is part of, and runs.
type found struct {
	flows, users, tags []string
	ids                []int64 // by their ids and parameters; all that match if few
	few                bool    // ids are all that match
	newest             int64   // id above which no run matches
}

func (s *Store) prepare(ctx context.Context, q *runQuery) error {
	q.Flows, q.Users, q.Statuses = distinct(q.Flows), distinct(q.Users), distinct(q.Statuses)
	q.Tags = distinct(q.Tags)
	var common []string
	for _, tag := range q.Tags {
		n := int64(few)
		if len(q.rare) < maxListed {
			var err error
			if n, err = s.number(ctx, `SELECT count(*) FROM (SELECT 1 FROM tags WHERE tag = ? LIMIT ?)`, tag, n); err != nil {
				return err
			}
		}
		if n < few {
			q.rare = append(q.rare, tag)
		} else {
			common = append(common, tag)
		}
	}
	q.Tags = common
	q.read = make(map[string]string)
	for name, v := range q.Parameters {
		// Of a value that long the index has only how it begins, and so it has of a longer one that begins with it.
		if len(v) >= metastore.SearchedValue || len(q.values) == maxListed {
			q.read[name] = v
		}
		if len(q.values) == maxListed {
			continue
		}
		n, err := s.number(ctx, `SELECT count(*) FROM (SELECT 1 FROM parameters WHERE `+hasValue+` LIMIT ?)`, name, v, fewValues)
		if err != nil {
			return err
		}
		q.values = append(q.values, value{name, v, n < fewValues})
	}
	for _, word := range metastore.Words(q.Search) {
		f, err := s.search(ctx, word)
		if err != nil {
			return err
		}
		q.found = append(q.found, f)
	}
	return nil
}

func distinct[T ~string](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// number returns the integer that a query gives.
func (s *Store) number(ctx context.Context, sql string, args ...driver.Value) (int64, error) {
	return one(rows(ctx, s, "list runs", func(r *row) (int64, error) { return r.integer(), nil }, sql, args...), "number")
}

// search finds out what a text is part of.
func (s *Store) search(ctx context.Context, text string) (*found, error) {
	f := &found{}
	has, pattern := contains(text)
	if strings.Contains(text, "\x00") || len(pattern) > longestPattern { // a NUL would end the pattern for SQLite
		f.few = true
		return f, nil
	}
	var err error
	// Names are few where runs are many: each is jumped to in its index.
	for _, names := range []struct {
		to            *[]string
		table, column string
	}{{&f.flows, "runs", "flow"}, {&f.users, "runs", "user"}, {&f.tags, "tags", "tag"}} {
		scan := func(r *row) (string, error) { return r.text(), nil }
		if *names.to, err = all(rows(ctx, s, "search runs", scan, jump(names.table, names.column, metastore.SearchedNames)+`WHERE name `+has, pattern)); err != nil {
			return nil, err
		}
	}
	scan := func(r *row) (int64, error) { return r.integer(), nil }
	if f.ids, err = all(rows(ctx, s, "search runs", scan, `
		SELECT DISTINCT run FROM parameters
		WHERE run >= (SELECT min(id) FROM (SELECT id FROM runs ORDER BY id DESC LIMIT ?2)) AND value `+has,
		pattern, int64(metastore.SearchedParameters))); err != nil {
		return nil, err
	}
	for _, span := range spansOf(text) {
		ids, err := all(rows(ctx, s, "search runs", scan, `SELECT id FROM runs WHERE id BETWEEN ? AND ?`, span[0], span[1]))
		if err != nil {
			return nil, err
		}
		f.ids = append(f.ids, ids...)
	}
	slices.Sort(f.ids)
	f.ids = slices.Compact(f.ids)
	if len(f.flows) == 0 && len(f.users) == 0 && len(f.tags) == 0 { // it is in no name, so these are all, however many
		f.few = true
		return f, nil
	}
	flows, users, tags, listed := textList(f.flows), textList(f.users), textList(f.tags), idList(f.ids)
	ids, err := all(rows(ctx, s, "search runs", scan, `
		SELECT r.id FROM json_each(?1) AS l CROSS JOIN runs AS r ON r.flow = l.value
		UNION ALL SELECT r.id FROM json_each(?2) AS l CROSS JOIN runs AS r ON r.user = l.value
		UNION ALL SELECT t.run FROM json_each(?3) AS l CROSS JOIN tags AS t ON t.tag = l.value AND t.system = 0
		UNION ALL SELECT value FROM json_each(?4) LIMIT ?5`, flows, users, tags, listed, int64(few)))
	if err != nil {
		return nil, err
	}
	if len(ids) < few {
		slices.Sort(ids)
		f.ids, f.few = slices.Compact(ids), true
		return f, nil
	}
	f.newest, err = s.number(ctx, `SELECT max(
		(SELECT coalesce(max(id), 0) FROM (SELECT (SELECT max(id) FROM runs WHERE flow = l.value) AS id FROM json_each(?1) AS l)),
		(SELECT coalesce(max(id), 0) FROM (SELECT (SELECT max(id) FROM runs WHERE user = l.value) AS id FROM json_each(?2) AS l)),
		(SELECT coalesce(max(id), 0) FROM (SELECT (SELECT max(run) FROM tags WHERE tag = l.value) AS id FROM json_each(?3) AS l)),
		(SELECT coalesce(max(value), 0) FROM json_each(?4)))`, flows, users, tags, listed)
	return f, err
}

// jump begins a query of the different names in a column, at most so many. It
// jumps from one to the next in their index.
func jump(table, column string, most int) string {
	return strings.NewReplacer("TABLE", table, "COLUMN", column, "MOST", strconv.Itoa(most)).Replace(`
		WITH RECURSIVE names (name, n) AS (
			SELECT min(COLUMN), 1 FROM TABLE
			UNION ALL
			SELECT (SELECT min(COLUMN) FROM TABLE WHERE COLUMN > name), n + 1 FROM names WHERE name IS NOT NULL AND n < MOST)
		SELECT name FROM names `)
}

// longestPattern is the size in bytes of the longest pattern that SQLite takes. Nothing that is searched is as long.
const longestPattern = 50_000

// contains is the condition for what has a text in it, and its argument ?1. LIKE knows the cases of ASCII letters;
// where there are others, GLOB is told which letters are taken for each, which takes longer.
func contains(text string) (condition, pattern string) {
	hasCases := func(r rune) bool { return r > unicode.MaxASCII && len(metastore.Cases(r)) > 1 }
	if !strings.ContainsFunc(text, hasCases) {
		return `LIKE ?1 ESCAPE '\'`, `%` + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + `%`
	}
	var glob strings.Builder
	for _, r := range text {
		if cases := metastore.Cases(r); len(cases) > 1 || strings.ContainsRune(`*?[`, r) {
			glob.WriteString("[" + string(cases) + "]")
		} else {
			glob.WriteRune(r)
		}
	}
	return `GLOB ?1`, `*` + glob.String() + `*`
}

// spansOf returns the spans of ids that begin with the digits of a text.
func spansOf(text string) (spans [][2]int64) {
	if text == "" || text[0] < '1' || text[0] > '9' {
		return nil
	}
	for tail := ""; ; tail += "0" {
		low, err := strconv.ParseInt(text+tail, 10, 64)
		if err != nil {
			return spans
		}
		high, err := strconv.ParseInt(text+strings.ReplaceAll(tail, "0", "9"), 10, 64)
		if err != nil {
			return spans
		}
		spans = append(spans, [2]int64{low, high})
	}
}

func textList[T ~string](list []T) string {
	text, err := json.Marshal(notNilList(list))
	if err != nil {
		panic(err) // texts
	}
	return string(text)
}

func notNilList[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// split makes a query of several orders into one for each.
func (q runQuery) split() []runQuery {
	if slices.ContainsFunc(q.found, func(f *found) bool { return f.few }) {
		return []runQuery{q}
	}
	parts := []runQuery{}
	switch {
	case len(q.Flows) > 1 && len(q.Flows) <= maxMerged:
		for _, flow := range q.Flows {
			part := q
			part.Flows = []string{flow}
			parts = append(parts, part)
		}
	case len(q.Flows) == 0 && len(q.Users) > 1 && len(q.Users) <= maxMerged:
		for _, user := range q.Users {
			part := q
			part.Users = []string{user}
			parts = append(parts, part)
		}
	case len(q.Flows) == 0 && len(q.Users) == 0 && len(q.Statuses) > 1 && len(q.Statuses) <= maxMerged &&
		!slices.Contains(q.Statuses, metastore.RunSucceeded):
		for _, status := range q.Statuses {
			part := q
			part.Statuses = []metastore.RunStatus{status}
			parts = append(parts, part)
		}
	default:
		parts = append(parts, q)
	}
	return parts
}

// notSpun leaves out the runs that spun a task. They are few, and an index has them.
const notSpun = `id NOT IN (SELECT id FROM runs WHERE json_extract(info, '$.spin') IS NOT NULL)`

// conditions are what runs have to meet, all of them.
type conditions struct {
	where []string
	args  []driver.Value
}

func (c *conditions) and(condition string, arg ...driver.Value) {
	c.where, c.args = append(c.where, condition), append(c.args, arg...)
}

// sql is the query of one order.
func (q runQuery) sql() (string, []driver.Value) {
	var c conditions
	if !q.Spun {
		c.and(notSpun)
	}
	q.byName(&c)
	q.byTag(&c)
	if q.Before != 0 {
		c.and("id < ?", q.Before)
	}
	q.byParameter(&c)
	q.bySearch(&c)
	q.byTime(&c)
	sql := runColumns
	if len(c.where) > 0 {
		sql += "WHERE " + strings.Join(c.where, " AND ")
	}
	sql += " ORDER BY id DESC"
	if q.Limit > 0 {
		sql += " LIMIT ?"
		c.args = append(c.args, int64(q.Limit))
	}
	return sql, c.args
}

// byName asks for flows, users and statuses. A + before a column keeps SQLite from an index
// that would need its result to be sorted.
func (q *runQuery) byName(c *conditions) {
	switch len(q.Flows) {
	case 0:
	case 1:
		c.and("flow = ?", q.Flows[0])
	default:
		c.and("+flow IN (SELECT value FROM json_each(?))", textList(q.Flows))
	}
	switch {
	case len(q.Users) == 0:
	case len(q.Users) > 1:
		c.and("+user IN (SELECT value FROM json_each(?))", textList(q.Users))
	case len(q.Flows) == 1: // the index of flows is the better one: few users have many flows
		c.and("+user = ?", q.Users[0])
	default:
		c.and("user = ?", q.Users[0])
	}
	switch {
	case len(q.Statuses) == 0:
	case len(q.Statuses) > 1:
		c.and("+status IN (SELECT value FROM json_each(?))", textList(q.Statuses))
	case q.Statuses[0] == metastore.RunSucceeded:
		c.and("status = ?", string(metastore.RunSucceeded))
	default: // as the index of statuses has it
		c.and("status <> 'succeeded' AND status = ?", string(q.Statuses[0]))
	}
}

func (q *runQuery) byTag(c *conditions) {
	for _, tag := range q.rare {
		c.and("id IN (SELECT run FROM tags WHERE tag = ?)", tag)
	}
	switch n := len(q.Tags); {
	case n == 0:
	case n == 1:
		c.and("EXISTS (SELECT 1 FROM tags WHERE tag = ? AND run = id)", q.Tags[0])
	default:
		c.and("(SELECT count(DISTINCT tag) FROM tags WHERE run = id AND +tag IN (SELECT value FROM json_each(?))) = ?",
			textList(q.Tags), int64(n))
	}
}

func (q *runQuery) byParameter(c *conditions) {
	for _, p := range q.values {
		if p.rare {
			c.and("id IN (SELECT run FROM parameters WHERE "+hasValue+")", p.name, p.value)
		} else {
			c.and("EXISTS (SELECT 1 FROM parameters WHERE "+hasValue+" AND run = id)", p.name, p.value)
			c.and("id <= (SELECT max(run) FROM parameters WHERE "+hasValue+")", p.name, p.value)
		}
	}
	if len(q.read) == 0 {
		return
	}
	wanted, err := json.Marshal(q.read)
	if err != nil {
		panic(err) // texts
	}
	c.and(`(SELECT count(*) FROM json_each(?) AS w
		CROSS JOIN json_each(info, '$.parameters') AS p ON p.key = w.key AND p.value = w.value) = ?`,
		string(wanted), int64(len(q.read)))
}

func (q *runQuery) bySearch(c *conditions) {
	for _, f := range q.found {
		if f.few {
			c.and("id IN (SELECT value FROM json_each(?))", idList(f.ids))
			continue
		}
		c.and(`(+flow IN (SELECT value FROM json_each(?)) OR +user IN (SELECT value FROM json_each(?))
			OR EXISTS (SELECT 1 FROM tags WHERE run = id AND system = 0 AND +tag IN (SELECT value FROM json_each(?)))
			OR +id IN (SELECT value FROM json_each(?)))`, textList(f.flows), textList(f.users), textList(f.tags), idList(f.ids))
		c.and("id <= ?", f.newest)
	}
}

// byTime asks for the time of creation. Runs are read by id, the newest first. The times, which rise with the ids but
// for clocks that are set, say from which id to begin and where to end. The + keeps SQLite from looking for the id in
// the table instead of in the index of times.
func (q *runQuery) byTime(c *conditions) {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.CreatedAfter.IsZero() {
		low = micros(q.CreatedAfter)
		c.and("created >= ?", low)
	}
	if !q.CreatedBefore.IsZero() {
		high = micros(q.CreatedBefore)
		c.and("created < ?", high)
	}
	// Both bounds are told to both, so that only what is between them is read.
	if !q.CreatedAfter.IsZero() {
		c.and("id >= (SELECT min(+id) FROM runs WHERE created >= ? AND created < ?)", low, high)
	}
	if !q.CreatedBefore.IsZero() {
		c.and("id <= (SELECT max(+id) FROM runs WHERE created >= ? AND created < ?)", low, high)
	}
}
