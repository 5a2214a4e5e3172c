package webapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// parameters says what parameters of queries and paths are, by their names.
var parameters = map[string]struct {
	kind, about string
	many        bool
}{
	"namespace":  {"string", `Only what is in this namespace: "user:ann", or any tag.`, false},
	"flow":       {"string", "Only runs of this flow. In the list of runs it may be repeated: any of them.", false},
	"user":       {"string", "Only runs of this user. In the list of runs it may be repeated: any of them.", false},
	"tag":        {"string", "Only runs with this tag, a user's or a system tag. May be repeated: all must be there.", true},
	"status":     {"string", "Only those with this status; of a task, that of its last attempt. In the list of runs it may be repeated: any of them.", false},
	"parameter":  {"string", "NAME=VALUE: only runs with this value of a parameter. May be repeated: all must hold.", true},
	"after":      {"string", "Only runs that were created then or later: microseconds since 1970, or RFC 3339.", false},
	"before":     {"string", "Only runs that were created before then.", false},
	"q":          {"string", "The beginning of a run's id, or a part of its flow, user, tags or parameter values, in either case of letters.", false},
	"cursor":     {"string", `Where to go on: the "next" of an earlier answer.`, false},
	"limit":      {"integer", "How many there are on a page, at most 10000.", false},
	"step":       {"string", "Only those of this step.", false},
	"id":         {"integer", "Only the task with this id. May be repeated: any of them.", true},
	"order":      {"string", "newest (as it is without) or oldest: which come first.", false},
	"attempt":    {"integer", "Of this attempt, counted from 0. Without it: of the last.", false},
	"name":       {"string", "Only artifacts with this name. May be repeated: any of them.", true},
	"stream":     {"string", "stdout or stderr; without it: both.", false},
	"timestamps": {"boolean", "Begin each line with its time.", false},
	"path":       {"string", "The file's path in the code package.", false},
	"run":        {"integer", "The run's id.", false},
	"task":       {"integer", "The task's id.", false},
	"card":       {"string", "The card's uuid.", false},
	"method":     {"string", "The method's name, see the RPC's own documentation.", false},
}

type object = map[string]any

// comments are what the sources say of types and fields: "Run", "Run.status".
func comments(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	said := map[string]string{}
	text := func(groups ...*ast.CommentGroup) string {
		for _, g := range groups {
			if g != nil {
				return strings.Join(strings.Fields(g.Text()), " ")
			}
		}
		return ""
	}
	for _, dir := range folders {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, file := range files {
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, spec := range g.Specs {
					ts, ok := spec.(*ast.TypeSpec)
					if !ok {
						continue
					}
					said[ts.Name.Name] = text(ts.Doc, g.Doc)
					st, ok := ts.Type.(*ast.StructType)
					if !ok {
						continue
					}
					for _, field := range st.Fields.List {
						for _, n := range field.Names {
							said[ts.Name.Name+"."+n.Name] = text(field.Doc, field.Comment)
						}
					}
				}
			}
		}
	}
	return said
}

// schemas makes JSON schemas of Go's types.
type schemas struct {
	said map[string]string
	made object
}

func (s *schemas) of(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		if t.Name() == "Float" {
			return object{"type": []string{"number", "null"}} // null for what is not finite
		}
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		if t.Name() == "Time" {
			return object{"type": "integer", "format": "int64", "description": "Microseconds since 1970 in UTC, 0 for none."}
		}
		return object{"type": "integer", "format": "int64"}
	case reflect.Slice:
		if t == reflect.TypeFor[json.RawMessage]() {
			return object{}
		}
		return object{"type": "array", "items": s.orNull(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if t.Name() == "" {
			return object{"type": "object"}
		}
		name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
		if s.made[name] == nil {
			s.made[name] = object{}
			s.made[name] = s.ofStruct(t)
		}
		return object{"$ref": "#/components/schemas/" + name}
	}
	panic("no schema for " + t.String())
}

// orNull is the schema of what is always there, where a pointer to nothing is null.
func (s *schemas) orNull(t reflect.Type) object {
	schema := s.of(t)
	if t.Kind() == reflect.Pointer {
		schema["type"] = []string{schema["type"].(string), "null"}
	}
	return schema
}

func (s *schemas) ofStruct(t reflect.Type) object {
	properties, required := object{}, []string{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		for f := range t.Fields() {
			if f.Anonymous {
				add(f.Type)
				continue
			}
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || !f.IsExported() {
				continue
			}
			schema := s.of(f.Type)
			if options != "omitempty" {
				schema = s.orNull(f.Type)
				required = append(required, name)
			}
			if said := s.said[t.Name()+"."+f.Name]; said != "" {
				if schema["$ref"] != nil {
					schema = object{"$ref": schema["$ref"]}
				}
				schema["description"] = said
			}
			properties[name] = schema
		}
	}
	add(t)
	schema := object{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	if said := s.said[t.Name()]; said != "" {
		schema["description"] = said
	}
	return schema
}

var inPath = regexp.MustCompile(`\{(\w+)\}`)

// describe makes the document from the table of routes.
func describe(t *testing.T) []byte {
	s := &schemas{said: comments(t, ".", "../api", "../preview"), made: object{}}
	problem := object{"description": "What went wrong, and what to do.", "content": object{"application/problem+json": object{"schema": s.of(reflect.TypeFor[Problem]())}}}
	paths := object{}
	for _, rt := range routes {
		var params []object
		add := func(name, in string) {
			p, ok := parameters[name]
			if !ok {
				t.Errorf("%s: nothing says what the parameter %s is", rt.path, name)
			}
			schema := object{"type": p.kind}
			if p.many {
				schema = object{"type": "array", "items": schema}
			}
			if in == "path" {
				p.about = map[string]string{"name": "The artifact's name."}[name] + p.about
				if name == "name" {
					p.about, schema = "The artifact's name.", object{"type": "string"}
				}
			}
			params = append(params, object{"name": name, "in": in, "required": in == "path", "description": p.about, "schema": schema})
		}
		for _, m := range inPath.FindAllStringSubmatch(rt.path, -1) {
			add(m[1], "path")
		}
		for _, name := range strings.Fields(rt.query) {
			add(name, "query")
		}
		content := object{}
		if m, ok := rt.result.(media); ok {
			content[string(m)] = object{"schema": object{"type": "string"}}
		} else {
			content["application/json"] = object{"schema": s.of(reflect.TypeOf(rt.result))}
		}
		status := "200"
		if rt.status == 202 {
			status = "202"
		}
		operation := object{
			"summary": rt.about, "operationId": operationID(rt),
			"responses": object{status: object{"description": "The answer.", "content": content}, "default": problem},
		}
		if len(params) > 0 {
			operation["parameters"] = params
		}
		if rt.body != nil {
			operation["requestBody"] = object{"content": object{"application/json": object{"schema": s.of(reflect.TypeOf(rt.body))}}}
		}
		if paths[rt.path] == nil {
			paths[rt.path] = object{}
		}
		paths[rt.path].(object)[strings.ToLower(rt.method)] = operation
	}
	doc := object{
		"openapi": "3.1.0",
		"info": object{"title": "Levada", "version": "1", "description": "Runs, tasks, artifacts, logs and cards of a store, as `levada server` has them. Times are microseconds since 1970 in UTC. " +
			"Answers to GET carry an ETag; lists come in pages; streams of events resume by Last-Event-ID, and say reset where that is not possible.",
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"servers":    []object{{"url": Prefix}},
		"paths":      paths,
		"components": object{"schemas": s.made},
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func operationID(rt route) string {
	words := strings.FieldsFunc(strings.ToLower(rt.method)+"/"+rt.path, func(r rune) bool { return strings.ContainsRune("/{}._", r) })
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}

// The document is the one that the table of routes and the types of the answers make.
func TestOpenAPI(t *testing.T) {
	want := describe(t)
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(document, want) {
		t.Error("openapi.json is not what the routes say: run go test ./internal/webapi -run OpenAPI -update")
	}
	var ids []string
	for _, rt := range routes {
		ids = append(ids, operationID(rt))
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != len(routes) {
		t.Errorf("%d operations have %d ids", len(routes), n)
	}
}
