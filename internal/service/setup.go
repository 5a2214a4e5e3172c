package service

import (
	"context"
	"encoding/json"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/graph"
	"github.com/levadahq/levada/internal/metastore"
	"github.com/levadahq/levada/internal/protocol"
)

// setup is what the description of a flow depends on: configs, decorators of the command line. A
// run that is resumed gives its configs to the new one.
func (s *Service) setup(ctx context.Context, src FlowSource, flow string) (*protocol.Setup, []byte, error) {
	frame := &protocol.Setup{User: src.User, ConfigFiles: src.ConfigFiles, ConfigValues: src.ConfigValues, Lenient: src.Lenient}
	var err error
	if frame.With, err = parseWith(src.With); err != nil || src.Origin == nil {
		return frame, nil, err
	}
	id, err := src.Origin(ctx, flow)
	if err != nil {
		return nil, nil, err
	}
	run, err := s.RunByID(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	var body []byte
	frame.Configs, body, err = s.configsOf(ctx, run)
	return frame, body, err
}

// parseWith reads the decorators of --with.
func parseWith(specs []string) ([]protocol.Decorator, error) {
	var with []protocol.Decorator
	for _, spec := range specs {
		d, err := graph.ParseDecorator(spec)
		if err != nil {
			return nil, err
		}
		with = append(with, protocol.Decorator{Name: d.Name, Attributes: d.Attributes})
	}
	return with, nil
}

// configsOf returns the configs of a run, as task 0 holds them.
func (s *Service) configsOf(ctx context.Context, run metastore.Run) ([]protocol.ConfigBytes, []byte, error) {
	raw, err := s.c.Data.Blob(ctx, run.Definition)
	if err != nil {
		return nil, nil, err
	}
	var def graph.Flow
	if err := json.Unmarshal(raw, &def); err != nil {
		return nil, nil, fault.Wrap(fault.Corrupt, "read the definition of run", err)
	}
	if len(def.Configs) == 0 {
		return nil, nil, nil
	}
	artifacts, err := s.c.Store.Artifacts(ctx, run.ID, 0, 0)
	if err != nil {
		return nil, nil, err
	}
	var configs []protocol.ConfigBytes
	var body []byte
	for _, c := range def.Configs {
		for _, a := range artifacts {
			if a.Name != c.Attribute {
				continue
			}
			value, err := s.Value(ctx, a)
			if err != nil {
				return nil, nil, err
			}
			configs = append(configs, protocol.ConfigBytes{Name: c.Name, Length: len(value)})
			body = append(body, value...)
		}
	}
	return configs, body, nil
}
