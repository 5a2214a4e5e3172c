package api

import (
	"context"
	"io"

	"github.com/levadahq/levada/internal/fault"
)

func pending[T any]() (v T, err error) {
	return v, fault.New(fault.Unavailable, "this comes with a later commit")
}

func (s *Service) Preview(ctx context.Context, q PreviewRequest) (Preview, error) {
	return pending[Preview]()
}
func (s *Service) OpenImage(ctx context.Context, q PreviewRequest) (Image, error) {
	return pending[Image]()
}
func (s *Service) Usage(ctx context.Context, q UsageRequest) (Usage, error) { return pending[Usage]() }
func (s *Service) Metrics(ctx context.Context, q MetricsRequest) (MetricsResult, error) {
	return pending[MetricsResult]()
}
func (s *Service) Compare(ctx context.Context, q CompareRequest) (CompareResult, error) {
	return pending[CompareResult]()
}
func (s *Service) Cancel(ctx context.Context, q RunRequest) (StartedRun, error) {
	return pending[StartedRun]()
}
func (s *Service) Resume(ctx context.Context, q ResumeRequest) (StartedRun, error) {
	return pending[StartedRun]()
}
func (s *Service) CodeFiles(ctx context.Context, q RunRequest) (CodeFilesResult, error) {
	return pending[CodeFilesResult]()
}
func (s *Service) OpenCodeFile(ctx context.Context, q CodeFileRequest) (io.ReadCloser, error) {
	return pending[io.ReadCloser]()
}
