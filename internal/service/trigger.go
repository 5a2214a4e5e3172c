package service

import (
	"context"
	"strconv"
	"strings"

	"github.com/levadahq/levada/internal/fault"
	"github.com/levadahq/levada/internal/metastore"
)

// checkTriggers makes sure that the runs that are to count as triggers have succeeded.
func (s *Service) checkTriggers(ctx context.Context, triggers []string) error {
	for _, t := range triggers {
		flow, number, _ := strings.Cut(t, "/")
		id, err := strconv.ParseInt(number, 10, 64)
		if err != nil || flow == "" {
			return fault.New(fault.Usage, "Invalid value for '--trigger': %s does not name a run. Write its flow and its id: Flow/12", t)
		}
		run, err := s.RunOf(ctx, Pathspec{Flow: flow, Run: id})
		if err != nil {
			return err
		}
		if run.Status != metastore.RunSucceeded {
			return fault.New(fault.Usage, "Invalid value for '--trigger': %s has not succeeded (%s). Only a run that has succeeded can trigger another", t, run.Status)
		}
	}
	return nil
}
